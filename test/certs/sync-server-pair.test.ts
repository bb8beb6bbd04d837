import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { mkdir, readFile, readdir, rename, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { currentName } from '../../src/certs/installed-copy.ts';
import { syncCertificates } from '../../src/certs/sync-certificates.ts';
import { newClient, newServerPair } from '../support/certificates.ts';
import { findCommand, testWith } from '../support/real-parts.ts';
import { assertWarning, fixture, trusted } from './sync-fixture.ts';

void test('only nginx’s user can read the copied key', async (t) => {
  const at = await fixture(t);
  const isRoot = process.getuid?.() === 0;
  await syncCertificates({ ...at, ...(isRoot ? { owner: { uid: 101, gid: 101 } } : {}) });
  const { mode, uid } = await stat(join(at.out, 'current', 'server.key'));
  assert.equal((mode & 0o777).toString(8), '400');
  if (isRoot) assert.equal(uid, 101);
});

void test('nothing is written when nothing has changed, even for an empty list', async (t) => {
  const at = await fixture(t);
  assert.equal((await syncCertificates(at)).changed, true);
  const name = await currentName(at.out);
  assert.equal((await syncCertificates(at)).changed, false);
  assert.equal(await currentName(at.out), name);
});

void test('a change replaces the whole copy at once, and leaves other files in the folder alone', async (t) => {
  const at = await fixture(t);
  await writeFile(join(at.out, 'note'), '');
  await syncCertificates(at);
  const before = await currentName(at.out);
  const pair = await newServerPair(at.folder);
  assert.equal((await syncCertificates(at)).changed, true);
  assert.notEqual(await currentName(at.out), before);
  assert.equal(await at.copied('server.crt'), pair.certificatePem);
  assert.ok((await readdir(at.out)).includes('note'));
});

void test('the copy before stays when there is a new one, and so does a young one: nginx may still read them', async (t) => {
  const at = await fixture(t);
  const change = async () => {
    await newServerPair(at.folder);
    await syncCertificates(at);
  };
  /** As if the one in use had been made so much later than it was. */
  const madeLater = async (milliseconds: number) => {
    const inUse = (await currentName(at.out)) ?? '';
    const name = inUse.replace(/^\d+/, `${Date.now() + milliseconds}`);
    await rename(join(at.out, inUse), join(at.out, name));
    await rm(join(at.out, 'current'));
    await symlink(name, join(at.out, 'current'));
    return name;
  };
  const hour = 3_600_000;
  await change();
  const young = await madeLater(hour);
  await change();
  const old = await madeLater(-hour);
  await change();
  assert.ok((await readdir(at.out)).includes(old));
  await change();
  const copies = await readdir(at.out);
  assert.deepEqual([copies.includes(young), copies.includes(old)], [true, false]);
});

interface BrokenPair {
  what: string;
  spoil: (folder: string) => Promise<void>;
  message: RegExp;
}

const write = async (folder: string, file: string, text: string) => await writeFile(join(folder, file), text);

const brokenPairs: BrokenPair[] = [
  {
    what: 'a key of another pair',
    spoil: async (folder) => await write(folder, 'server.key', (await newClient(`${folder}2`, 'x')).keyPem),
    message: /is not the key of server\.crt/,
  },
  {
    what: 'an empty certificate',
    spoil: async (folder) => await write(folder, 'server.crt', ''),
    message: /holds no certificate/,
  },
  {
    what: 'a truncated certificate',
    spoil: async (folder) => {
      const text = await readFile(join(folder, 'server.crt'), 'utf8');
      await write(folder, 'server.crt', text.slice(0, 300));
    },
    message: /no END line/,
  },
  { what: 'no key', spoil: async (folder) => await rm(join(folder, 'server.key')), message: /is missing/ },
  {
    what: 'a key with a passphrase',
    spoil: async (folder) => {
      const options = { type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'secret' } as const;
      const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
      await write(folder, 'server.key', privateKey.export(options).toString());
    },
    message: /is encrypted: remove its passphrase/,
  },
  {
    what: 'garbage as a key',
    spoil: async (folder) => await write(folder, 'server.key', 'garbage'),
    message: /is not a private key/,
  },
];

for (const { what, spoil, message } of brokenPairs) {
  void test(`a server pair with ${what} is reported and the pair before it stays; the list is still taken over`, async (t) => {
    const at = await fixture(t);
    await syncCertificates(at);
    const before = await at.copied('server.key');
    await spoil(at.folder);
    const user = await newClient(at.elsewhere, 'user');
    await writeFile(join(at.folder, 'authorized.crt'), user.certificatePem);
    const { ready, findings } = await syncCertificates(at);
    assert.equal(ready, true);
    assert.equal(await at.copied('server.key'), before);
    assert.deepEqual(await trusted(at), [user.fingerprint]);
    assert.ok(
      findings.some((finding) => message.test(finding.message)),
      JSON.stringify(findings),
    );
    assert.ok(findings.some((finding) => /the pair in use stays in use/.test(finding.message)));
  });
}

testWith('openssl')(
  'a server pair whose key is too weak for nginx is reported and the pair before it stays',
  async (t) => {
    const at = await fixture(t);
    await syncCertificates(at);
    const before = await at.copied('server.key');
    const files = ['-keyout', 'server.key', '-out', 'server.crt', '-subj', '/CN=localhost', '-days', '2'];
    execFileSync(
      findCommand('openssl') ?? 'openssl',
      ['req', '-x509', '-newkey', 'rsa:1024', '-nodes', ...files],
      { cwd: at.folder, stdio: 'pipe' },
    );
    const { ready, findings } = await syncCertificates(at);
    assert.equal(ready, true);
    assert.equal(await at.copied('server.key'), before);
    assert.match(findings[0]?.message ?? '', /^cannot be used for TLS: /);
  },
);

void test('without any usable server pair nothing is written', async (t) => {
  const at = await fixture(t);
  await rm(join(at.folder, 'server.key'));
  const { ready, findings } = await syncCertificates(at);
  assert.equal(ready, false);
  assert.deepEqual(await readdir(at.out), []);
  assert.ok(findings.some(({ message }) => message.includes('nothing can be served until this is mended')));
});

void test('an expired server certificate is taken over and reported', async (t) => {
  const at = await fixture(t);
  await newServerPair(at.folder, { validity: 'expired' });
  const { ready, findings } = await syncCertificates(at);
  assert.equal(ready, true);
  assertWarning(findings, /expired on .*: clients refuse it/);
});

void test('a list that cannot be read changes nothing', async (t) => {
  const at = await fixture(t);
  const user = await newClient(at.elsewhere, 'user');
  await writeFile(join(at.folder, 'authorized.crt'), user.certificatePem);
  await syncCertificates(at);
  await rm(join(at.folder, 'authorized.crt'));
  await mkdir(join(at.folder, 'authorized.crt'));
  await assert.rejects(syncCertificates(at), { code: 'EISDIR' });
  assert.deepEqual(await trusted(at), [user.fingerprint]);
});
