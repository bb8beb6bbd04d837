import { execFile } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { appendFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { signedCertificate } from '../../src/certs/certificate.ts';
import { ecPrivateKey, newPrivateKey, privateKeyPem } from '../../src/certs/key-pair.ts';

/** A key pair as a client has it: as text, as files, and the fingerprint that weir sees. */
export interface TestPair {
  certificatePem: string;
  keyPem: string;
  certificateFile: string;
  keyFile: string;
  /** SHA-256 of the certificate, lower-case hex. */
  fingerprint: string;
  key: KeyObject;
  commonName: string;
}

export interface TestPairOptions {
  /** `valid` for an hour on both sides of now by default. */
  validity?: 'valid' | 'expired' | 'not yet valid';
  /** Signed by that one; self-signed without it. */
  issuer?: { commonName: string; key: KeyObject };
  /** As made by an openssl without its default configuration. */
  identifiers?: boolean;
  commonName?: string;
}

const hour = 3_600_000;
const spans = {
  valid: [-1, 1],
  expired: [-2, -1],
  'not yet valid': [1, 2],
} as const;

/** Makes a client pair as NAME.crt and NAME.key in the folder. Nobody authorises it here. */
export async function newClient(
  folder: string,
  name: string,
  options: TestPairOptions = {},
): Promise<TestPair> {
  const [from, to] = spans[options.validity ?? 'valid'];
  const key = newPrivateKey();
  const commonName = options.commonName ?? name;
  const certificatePem = await signedCertificate({
    commonName,
    purpose: 'client',
    key,
    notBefore: new Date(Date.now() + from * hour),
    notAfter: new Date(Date.now() + to * hour),
    identifiers: options.identifiers ?? true,
    ...(options.issuer ? { issuer: options.issuer } : {}),
  });
  const pair = { certificateFile: join(folder, `${name}.crt`), keyFile: join(folder, `${name}.key`) };
  await mkdir(folder, { recursive: true });
  await writeFile(pair.certificateFile, certificatePem);
  await writeFile(pair.keyFile, privateKeyPem(key), { mode: 0o600 });
  return await readPair(pair.certificateFile, pair.keyFile);
}

/** A client pair of openssl's own making: with the command that BuildStream's manual gives, save for an EC key. */
export async function newOpensslClient(folder: string, name: string): Promise<TestPair> {
  await mkdir(folder, { recursive: true });
  const pair = { certificateFile: join(folder, `${name}.crt`), keyFile: join(folder, `${name}.key`) };
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1'];
  const form = ['-x509', '-sha256', '-days', '3650', '-nodes', '-batch', '-subj', `/CN=${name}`];
  const files = ['-out', pair.certificateFile, '-keyout', pair.keyFile];
  await promisify(execFile)('openssl', ['req', '-new', ...key, ...form, ...files]);
  return await readPair(pair.certificateFile, pair.keyFile);
}

/** Makes a server pair (for localhost, 127.0.0.1 and ::1 unless told otherwise) as server.crt and server.key. */
export async function newServerPair(
  folder: string,
  options: TestPairOptions & { names?: string[] } = {},
): Promise<TestPair> {
  const [from, to] = spans[options.validity ?? 'valid'];
  const names = options.names ?? ['localhost', '127.0.0.1', '::1'];
  const key = newPrivateKey();
  const certificatePem = await signedCertificate({
    commonName: names[0] ?? 'localhost',
    purpose: 'server',
    key,
    names,
    notBefore: new Date(Date.now() + from * hour),
    notAfter: new Date(Date.now() + to * hour),
  });
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'server.key'), privateKeyPem(key), { mode: 0o600 });
  await writeFile(join(folder, 'server.crt'), certificatePem);
  return await readPair(join(folder, 'server.crt'), join(folder, 'server.key'));
}

/** A pair that is there as files. The key has to be EC. */
export async function readPair(certificateFile: string, keyFile: string): Promise<TestPair> {
  const certificatePem = await readFile(certificateFile, 'utf8');
  const keyPem = await readFile(keyFile, 'utf8');
  const { fingerprint256, subject } = new X509Certificate(certificatePem);
  return {
    certificatePem,
    keyPem,
    certificateFile,
    keyFile,
    fingerprint: fingerprint256.replaceAll(':', '').toLowerCase(),
    key: ecPrivateKey(keyPem),
    commonName: subject.replace(/^CN=/, ''),
  };
}

/** What an operator does: cat client.crt >> authorized.crt. */
export async function authorize(certsDir: string, ...pairs: TestPair[]): Promise<void> {
  const list = join(certsDir, 'authorized.crt');
  await mkdir(dirname(list), { recursive: true });
  for (const { certificatePem } of pairs) await appendFile(list, certificatePem);
}

/** Replaces the list of those who may push. */
export async function authorizeOnly(certsDir: string, ...pairs: TestPair[]): Promise<void> {
  await writeFile(
    join(certsDir, 'authorized.crt'),
    pairs.map(({ certificatePem }) => certificatePem).join(''),
  );
}
