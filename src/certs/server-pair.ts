import { X509Certificate, createPrivateKey } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import type { Finding } from './finding.ts';
import { pemBlocks } from './pem-blocks.ts';

/** The server's certificate (and the chain above it, if its file has one) with the key that fits. */
export interface ServerPair {
  /** Rewritten from what was parsed: certificates only, each on lines of its own. */
  certificatePem: string;
  keyPem: string;
  expires: Date;
}

/** Names of the pair's files, for messages. */
export const serverFiles = { certificate: 'server.crt', key: 'server.key' } as const;

/**
 * The pair, or why nginx could not use it. Texts are undefined where there is no file.
 * Findings may come with a usable pair: expired, or a broken certificate further up the chain.
 */
export function serverPair(
  certificateText: string | undefined,
  keyText: string | undefined,
  now: Date,
): { pair?: ServerPair; findings: Finding[] } {
  const chain = certificateChain(certificateText);
  const key = privateKey(keyText);
  const [leaf] = chain.certificates;
  const findings = [...chain.findings, ...key.findings];
  if (findings.length > 0 || leaf === undefined || key.key === undefined) return { findings };
  const fault = mismatch(leaf, chain.certificates, key.key);
  if (fault !== undefined) return { findings: [fault] };
  const expires = new Date(leaf.validTo);
  const pair = {
    certificatePem: chain.certificates.map(String).join(''),
    keyPem: key.key.export({ format: 'pem', type: 'pkcs8' }).toString(),
    expires,
  };
  if (expires >= now) return { pair, findings: [] };
  const message = `expired on ${expires.toISOString().slice(0, 10)}: clients refuse it. Make a new pair`;
  return { pair, findings: [{ severity: 'warning', file: serverFiles.certificate, message }] };
}

function certificateChain(text: string | undefined) {
  const certificates: X509Certificate[] = [];
  const findings: Finding[] = [];
  const file = serverFiles.certificate;
  if (text === undefined) return { certificates, findings: [error(file, 'is missing')] };
  for (const block of pemBlocks(text)) {
    if (block.label !== 'CERTIFICATE') continue;
    try {
      if (block.der === undefined) throw new Error(block.fault);
      certificates.push(new X509Certificate(block.der));
    } catch {
      findings.push(error(file, `this certificate ${block.fault ?? 'cannot be parsed'}`, block.line));
    }
  }
  if (certificates.length === 0 && findings.length === 0) findings.push(error(file, 'holds no certificate'));
  return { certificates, findings };
}

function privateKey(text: string | undefined): { key?: KeyObject; findings: Finding[] } {
  const file = serverFiles.key;
  if (text === undefined) return { findings: [error(file, 'is missing')] };
  if (text.includes('ENCRYPTED')) {
    return { findings: [error(file, 'is encrypted: remove its passphrase (openssl pkey -in OLD -out NEW)')] };
  }
  try {
    return { key: createPrivateKey(text), findings: [] };
  } catch {
    return { findings: [error(file, 'is not a private key in PEM form')] };
  }
}

/** What openssl at nginx's security level would object to. */
function mismatch(leaf: X509Certificate, chain: X509Certificate[], key: KeyObject): Finding | undefined {
  if (!leaf.checkPrivateKey(key)) {
    return error(serverFiles.key, `is not the key of ${serverFiles.certificate}`);
  }
  try {
    createSecureContext({
      ciphers: 'DEFAULT@SECLEVEL=2',
      cert: chain.map(String).join(''),
      key: key.export({ format: 'pem', type: 'pkcs8' }),
    });
    return undefined;
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    return error(serverFiles.certificate, `cannot be used for TLS: ${reason}`);
  }
}

function error(file: string, message: string, line?: number): Finding {
  return { severity: 'error', file, message, ...(line === undefined ? {} : { line }) };
}
