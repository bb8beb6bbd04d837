// Several commands that change the list of those who may push, at once: none undoes another.
import assert from 'node:assert/strict';
import { appendFile, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { authorizeCertificate } from '../../src/certs/authorize-certificate.ts';
import { removeFile, replaceFile } from '../../src/certs/owned-files.ts';
import { revokeCertificate } from '../../src/certs/revoke-certificate.ts';
import { newClient } from '../support/certificates.ts';
import { certs, listedNames, newFolder } from '../support/certs-command.ts';

const each = (start: string) => Array.from({ length: 5 }, (_, at) => `${start}${at}`);

void test('whoever is revoked and authorised at once is: commands that run together wait for each other', async (t) => {
  const folder = await newFolder(t);
  const inFolder = join(folder, 'certs');
  const [leaving, coming] = [each('leaving'), each('coming')];
  for (const name of [...leaving, ...coming]) await newClient(join(folder, 'users'), name);
  for (const name of leaving)
    await appendFile(join(inFolder, 'authorized.crt'), await readFile(join(folder, 'users', `${name}.crt`)));

  const ended = await Promise.all([
    ...leaving.map((name) => certs(folder, ['revoke', name])),
    ...coming.map((name) => certs(folder, ['authorize', join('users', `${name}.crt`), '--append'])),
  ]);
  assert.deepEqual(
    ended.filter(({ code }) => code !== 0),
    [],
  );
  assert.deepEqual((await listedNames(folder)).sort(), ['client', ...coming].sort());
  // Whoever reads the folder finds no more than there was before.
  const hidden = (await readdir(inFolder)).filter((name) => name.startsWith('.'));
  assert.deepEqual(hidden, []);
});

void test('the same within a process, over and over', async (t) => {
  const folder = await newFolder(t);
  const inFolder = join(folder, 'certs');
  const users = await Promise.all(each('user').map((name) => newClient(join(folder, 'users'), name)));
  const authorize = async ({ certificatePem }: { certificatePem: string }) =>
    await authorizeCertificate({ folder: inFolder, source: 'a test', text: certificatePem, append: true });
  for (let round = 0; round < 5; round++) {
    await Promise.all(users.map(authorize));
    assert.deepEqual((await listedNames(folder)).sort(), ['client', ...each('user')].sort());
    await Promise.all(each('user').map((name) => revokeCertificate(inFolder, name)));
    assert.deepEqual(await listedNames(folder), ['client']);
  }
});

void test('a file that somebody has changed by hand meanwhile stays as they left it', async (t) => {
  const list = join(await newFolder(t), 'certs', 'authorized.crt');
  const read = await readFile(list, 'utf8');
  await appendFile(list, '# by hand\n');
  const changed = { name: 'FileChangedError', message: /somebody else has just changed .*: try again/ };
  await assert.rejects(replaceFile(list, 'ours', { before: read }), changed);
  await assert.rejects(replaceFile(list, 'ours', { before: undefined }), changed);
  await assert.rejects(removeFile(list, { before: read }), changed);
  assert.equal(await readFile(list, 'utf8'), `${read}# by hand\n`);
  await replaceFile(list, 'ours', { before: `${read}# by hand\n` });
  assert.equal(await readFile(list, 'utf8'), 'ours');
});

void test('where another command never ends, a change says so and does nothing', async (t) => {
  const folder = await newFolder(t);
  const lock = join(folder, 'certs', '.lock');
  await writeFile(lock, 'process 1, since yesterday\n');
  t.mock.method(performance, 'now', hurried());
  await assert.rejects(revokeCertificate(join(folder, 'certs'), 'client'), {
    name: 'ListLockedError',
    message:
      /another weir certs changes the list \(process 1, since yesterday\): try again, or remove .*\.lock/,
  });
  assert.deepEqual(await listedNames(folder), ['client']);
  assert.equal(await readFile(lock, 'utf8'), 'process 1, since yesterday\n');
  await rm(lock);
  await revokeCertificate(join(folder, 'certs'), 'client');
  assert.deepEqual(await listedNames(folder), []);
});

/** A clock on which a minute goes by between two looks. */
function hurried(): () => number {
  let now = 0;
  return () => (now += 60_000);
}
