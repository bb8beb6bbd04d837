// Taking a certificate off the list.
import assert from 'node:assert/strict';
import { chmod, chown, mkdir, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { initCertificates } from '../../src/certs/init-certificates.ts';
import { newClient } from '../support/certificates.ts';
import { certs, listedNames as names, newFolder } from '../support/certs-command.ts';

void test('`weir certs revoke` takes a certificate off the list wherever it stands, and keeps everything else', async (t) => {
  const folder = await newFolder(t);
  const inFolder = join(folder, 'certs');
  const ada = await newClient(join(folder, 'users'), 'ada');
  const bob = await newClient(join(folder, 'users'), 'bob');
  const listFile = join(inFolder, 'authorized.crt');
  const before = await readFile(listFile, 'utf8');
  await writeFile(
    listFile,
    `# the first\n${before}# ada\r\n${ada.certificatePem}# bob\n${bob.certificatePem}`,
  );
  await mkdir(join(inFolder, 'authorized'));
  await writeFile(join(inFolder, 'authorized', 'ada.crt'), ada.certificatePem);
  const twice = ada.certificatePem + bob.certificatePem + ada.certificatePem;
  await writeFile(join(inFolder, 'authorized', 'team.crt'), twice);

  await chmod(listFile, 0o640);

  const { code, stdout } = await certs(folder, ['revoke', 'ada']);
  assert.equal(code, 0);
  assert.equal((await stat(listFile)).mode & 0o777, 0o640);
  assert.match(
    stdout,
    /it stood at authorized\.crt:\d+ and authorized\/ada\.crt:1(?: and authorized\/team\.crt:\d+){2}\n/,
  );
  assert.equal(
    await readFile(listFile, 'utf8'),
    `# the first\n${before}# ada\r\n# bob\n${bob.certificatePem}`,
  );
  assert.equal(await readFile(join(inFolder, 'authorized', 'team.crt'), 'utf8'), bob.certificatePem);
  assert.deepEqual(await names(folder), ['client', 'bob']);
  const [copy = ''] = await readdir(join(inFolder, 'revoked'));
  const kept = await readFile(join(inFolder, 'revoked', copy), 'utf8');
  assert.match(kept, /^# Taken off the list at \d{4}-.*authorized\/ada\.crt:1/);
  assert.ok(kept.includes(ada.certificatePem));

  const nobody = await certs(folder, ['revoke', 'ada']);
  assert.equal(nobody.code, 1);
  assert.match(nobody.stderr, /nobody on the list is called "ada"/);
  assert.equal(
    (await certs(folder, ['revoke', bob.fingerprint.toUpperCase().replaceAll(/..(?=.)/g, '$&:')])).code,
    0,
  );
  assert.deepEqual(await names(folder), ['client']);
});

void test('`weir certs revoke` asks for the fingerprint where several have one name', async (t) => {
  const folder = await newFolder(t);
  const other = await newClient(join(folder, 'users'), 'other', { commonName: 'client' });
  await certs(folder, ['authorize', other.certificateFile, '--append']);
  const several = await certs(folder, ['revoke', 'client']);
  assert.equal(several.code, 1);
  assert.match(
    several.stderr,
    /2 certificates are called "client"; say which by its fingerprint:\n {2}[0-9a-f]{64} {2}authorized\.crt:1/,
  );
  assert.equal((await certs(folder, ['revoke', other.fingerprint.slice(0, 8)])).code, 0);
  assert.deepEqual(await names(folder), ['client']);
});

void test('whoever was revoked last is not let in again by the next start', async (t) => {
  const folder = await newFolder(t);
  const dir = join(folder, 'certs');
  const initAgain = async () => await initCertificates({ folder: dir, names: ['localhost'] });
  await certs(folder, ['revoke', 'client']);
  await initAgain();
  assert.deepEqual(await names(folder), []);

  // The same where there was no list but a file per user.
  await rm(join(dir, 'authorized.crt'));
  await certs(folder, ['authorize', 'certs/client.crt']);
  assert.deepEqual(await names(folder), ['client']);
  await certs(folder, ['revoke', 'client']);
  await initAgain();
  assert.deepEqual(await names(folder), []);
});

void test('what root makes belongs to the owner of the folder', async (t) => {
  if (process.getuid?.() !== 0) return t.skip('needs root');
  const folder = await newFolder(t);
  await chown(join(folder, 'certs'), 4321, 4321);
  await certs(folder, ['issue', 'ada', '--authorize']);
  await certs(folder, ['revoke', 'client']);
  for (const file of ['ada.key', 'ada.crt', 'authorized', 'authorized/ada.crt', 'revoked'])
    assert.equal((await stat(join(folder, 'certs', file))).uid, 4321, file);
});
