import assert from 'node:assert/strict';
import { X509Certificate, createPrivateKey } from 'node:crypto';
import { execFileSync } from 'node:child_process';
import { access, chown, mkdtemp, readFile, readdir, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { hasKeyIdentifiers } from '../../src/certs/key-identifiers.ts';
import { IncompletePairError, initCertificates } from '../../src/certs/init-certificates.ts';
import { findCommand, testWith } from '../support/real-parts.ts';

const names = ['cache.example.com', 'localhost', '127.0.0.1', '::1', '2001:db8::1:0:7'];
const everything = ['authorized.crt', 'client.crt', 'client.key', 'server.crt', 'server.key'];

async function newFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'weir-certs-'));
  t.after(async () => await rm(folder, { recursive: true }));
  return folder;
}

async function contents(folder: string): Promise<Record<string, string>> {
  const texts = (await readdir(folder))
    .sort()
    .map(async (file) => [file, await readFile(join(folder, file), 'utf8')] as const);
  return Object.fromEntries(await Promise.all(texts));
}

void test('an empty folder gets the seed’s five files, keys for their owner alone', async (t) => {
  const folder = await newFolder(t);
  const made = await initCertificates({ folder, names });
  assert.deepEqual(made.sort(), everything);
  assert.deepEqual(await readdir(folder), everything);
  for (const file of everything) {
    const { mode } = await stat(join(folder, file));
    assert.equal((mode & 0o777).toString(8), file.endsWith('.key') ? '600' : '644', file);
  }
  const texts = await contents(folder);
  assert.equal(texts['authorized.crt'], texts['client.crt']);
});

void test('certificates are X.509 v3 for ten years, name their keys and sign no others', async (t) => {
  const folder = await newFolder(t);
  await initCertificates({ folder, names });
  const texts = await contents(folder);
  for (const name of ['server', 'client']) {
    const certificate = new X509Certificate(texts[`${name}.crt`] ?? '');
    assert.ok(certificate.checkPrivateKey(createPrivateKey(texts[`${name}.key`] ?? '')), name);
    assert.equal(certificate.ca, false);
    assert.ok(hasKeyIdentifiers(certificate));
    const years = (Date.parse(certificate.validTo) - Date.parse(certificate.validFrom)) / (365 * 86_400_000);
    assert.equal(Math.round(years), 10);
  }
  const server = new X509Certificate(texts['server.crt'] ?? '');
  for (const host of ['cache.example.com', 'localhost']) assert.equal(server.checkHost(host), host);
  for (const address of ['127.0.0.1', '::1', '2001:db8::1:0:7']) {
    assert.equal(server.checkIP(address), address);
  }
  assert.equal(server.checkHost('elsewhere.example.com'), undefined);
});

testWith('openssl')('openssl accepts both certificates, each for its purpose only', async (t) => {
  const folder = await newFolder(t);
  await initCertificates({ folder, names });
  const verify = (root: string, file: string, purpose: string, ...more: string[]) =>
    execFileSync(
      findCommand('openssl') ?? 'openssl',
      ['verify', '-x509_strict', '-purpose', purpose, ...more, '-CAfile', root, file],
      {
        cwd: folder,
        stdio: 'pipe',
        encoding: 'utf8',
      },
    );
  const host = ['-verify_hostname', 'cache.example.com'];
  assert.match(verify('server.crt', 'server.crt', 'sslserver', ...host), /OK/);
  assert.match(verify('server.crt', 'server.crt', 'sslserver', '-verify_ip', '::1'), /OK/);
  assert.match(verify('authorized.crt', 'client.crt', 'sslclient'), /OK/);
  assert.throws(
    () => verify('server.crt', 'server.crt', 'sslclient'),
    /unsupported certificate purpose|unsuitable/,
  );
  assert.throws(
    () => verify('authorized.crt', 'client.crt', 'sslserver'),
    /unsupported certificate purpose|unsuitable/,
  );
});

void test('a second run makes nothing and changes nothing', async (t) => {
  const folder = await newFolder(t);
  await initCertificates({ folder, names });
  const before = await contents(folder);
  assert.deepEqual(await initCertificates({ folder, names: ['other'] }), []);
  assert.deepEqual(await contents(folder), before);
});

interface Given {
  what: string;
  keep: string[];
  made: string[];
}

const partly: Given[] = [
  {
    what: 'a list of its own gets no first client',
    keep: ['authorized.crt'],
    made: ['server.crt', 'server.key'],
  },
  {
    what: 'a client’s certificate without its key is what the list is made of',
    keep: ['client.crt', 'server.crt', 'server.key'],
    made: ['authorized.crt'],
  },
  {
    what: 'the key of a lost server certificate is used again',
    keep: ['server.key', 'authorized.crt'],
    made: ['server.crt'],
  },
];

for (const { what, keep, made } of partly) {
  void test(`in a folder with some of the files, ${what}; nothing is overwritten`, async (t) => {
    const folder = await newFolder(t);
    await initCertificates({ folder, names });
    for (const file of everything.filter((name) => !keep.includes(name))) await rm(join(folder, file));
    const before = await contents(folder);
    assert.deepEqual((await initCertificates({ folder, names })).sort(), made);
    const after = await contents(folder);
    assert.deepEqual(Object.keys(after), [...keep, ...made].sort());
    for (const file of keep) assert.equal(after[file], before[file], file);
    if (made.includes('authorized.crt')) assert.equal(after['authorized.crt'], after['client.crt']);
    if (made.includes('server.crt')) {
      const certificate = new X509Certificate(after['server.crt'] ?? '');
      assert.ok(certificate.checkPrivateKey(createPrivateKey(after['server.key'] ?? '')));
    }
  });
}

void test('a server pair alone, in a folder of its own that belongs to whoever owns the one around it', async (t) => {
  const around = await newFolder(t);
  const { uid, gid } = process.getuid?.() === 0 ? { uid: 4321, gid: 4321 } : await stat(around);
  await chown(around, uid, gid);
  const folder = join(around, 'next');
  assert.deepEqual(await initCertificates({ folder, names, serverOnly: true }), ['server.key', 'server.crt']);
  assert.deepEqual((await readdir(folder)).sort(), ['server.crt', 'server.key']);
  for (const path of [folder, join(folder, 'server.key'), join(folder, 'server.crt')]) {
    const found = await stat(path);
    assert.deepEqual([found.uid, found.gid], [uid, gid], path);
  }
});

void test('a server certificate without its key is reported, and stays', async (t) => {
  const folder = await newFolder(t);
  await initCertificates({ folder, names });
  await rm(join(folder, 'server.key'));
  const before = await contents(folder);
  await assert.rejects(initCertificates({ folder, names }), (error) => {
    assert.ok(error instanceof IncompletePairError);
    assert.match(
      error.message,
      /^server\.crt is there without server\.key: put its key beside it, or remove it/,
    );
    return true;
  });
  assert.deepEqual(await contents(folder), before);
});

void test('a server key that is no key is reported, and stays', async (t) => {
  const folder = await newFolder(t);
  await writeFile(join(folder, 'server.key'), 'nothing\n');
  await assert.rejects(initCertificates({ folder, names }), IncompletePairError);
  assert.deepEqual(await contents(folder), { 'server.key': 'nothing\n' });
});

void test('a link to a file that is not there now is not written through', async (t) => {
  const folder = await newFolder(t);
  const secret = join(folder, 'unmounted');
  await symlink(secret, join(folder, 'server.key'));
  await assert.rejects(initCertificates({ folder, names }), { code: 'EEXIST' });
  await assert.rejects(access(secret), { code: 'ENOENT' });
});
