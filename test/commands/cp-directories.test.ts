// weir cp from and to directories.
import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { assertPullable, key } from '../support/copied-things.ts';
import { copied, copySite, sharedSource } from '../support/cp.ts';
import { fsck } from '../support/fsck.ts';
import { freshVolume, withServerOn } from '../support/on-volume.ts';
import { exists, traces } from '../support/volume-damage.ts';
import { failure } from '../support/wire.ts';

const source = sharedSource();

void test('of a directory all names are copied, and no trace of it is left there', async (t) => {
  const { things, ...from } = await source();
  const to = await copySite(t);
  const { volume } = from.weir;
  const entries = await readdir(volume, { recursive: true, withFileTypes: true });
  const paths = entries
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => /\/(?:cas|weir\/(?:refs|ac|assets|objects))\//.test(path))
    .filter(
      (path) => !entries.some((entry) => entry.isDirectory() && join(entry.parentPath, entry.name) === path),
    );
  const before = await Promise.all(paths.map(traces));
  const report = await copied(t, 0, [volume, to.pushUrl]);
  assert.deepEqual(report.names, { copied: things.refs.length, present: 0, skipped: 0, failed: 0 });
  assert.deepEqual(await Promise.all(paths.map(traces)), before);
  await assertPullable(to.pull, things);
});

void test('of a directory only those names are copied that are asked for', async (t) => {
  const from = await source();
  const to = await copySite(t);
  const args = [from.weir.volume, to.pushUrl];
  const like = await copied(t, 0, [
    ...args,
    '--ref',
    '*element/on?',
    '--ref',
    'urn:*:artifact:*',
    '--dry-run',
  ]);
  assert.equal(like.names.copied, 2);
  assert.equal((await copied(t, 0, [...args, '--kind', 'action', '--dry-run'])).names.copied, 2);
  assert.equal((await copied(t, 0, [...args, '--instance-from', 'team/a', '--dry-run'])).names.copied, 1);
  assert.equal((await copied(t, 0, [...args, key])).names.copied, 1);
});

void test('a dry run tells what would be sent, and neither sends nor makes anything', async (t) => {
  const { things, ...from } = await source();
  const to = await copySite(t);
  // Two names at once may both send what they share, in instances of their own.
  const oneByOne = ['--jobs', '1'];
  const dry = await copied(t, 0, [from.pullUrl, to.pushUrl, ...things.refs, ...oneByOne, '--dry-run']);
  assert.ok(dry.dryRun);
  const { status } = await failure(to.pull.references.getReference({ instanceName: '', key }));
  assert.equal(status, 'NOT_FOUND');
  const folder = join(await freshVolume(t), 'new');
  const toFolder = await copied(t, 0, [from.weir.volume, folder, ...oneByOne, '--dry-run']);
  assert.ok(!(await exists(folder)));
  const real = await copied(t, 0, [from.pullUrl, to.pushUrl, ...things.refs, ...oneByOne]);
  for (const each of [dry, toFolder]) {
    assert.deepEqual(each.names, real.names);
    assert.deepEqual({ ...each.blobs, bytes: each.sentBytes }, { ...real.blobs, bytes: real.sentBytes });
  }
});

void test('a directory can be copied to, from a server or another directory, and served then', async (t) => {
  const { things, ...from } = await source();
  const [one, other] = [join(await freshVolume(t), 'one'), await freshVolume(t)];
  assert.equal((await copied(t, 0, [from.pullUrl, one, ...things.refs])).names.copied, things.refs.length);
  assert.equal((await copied(t, 0, [one, other])).names.copied, things.refs.length);
  assert.equal((await copied(t, 0, [one, other])).names.present, things.refs.length);
  for (const volume of [one, other]) {
    assert.equal((await fsck(volume)).code, 0);
    await withServerOn(volume, {}, (clients) => assertPullable(clients, things));
  }
});

void test('a directory is copied to beside a server that runs on it', async (t) => {
  const { things, ...from } = await source();
  const to = await copySite(t);
  assert.equal((await copied(t, 0, [from.weir.volume, to.weir.volume])).names.copied, things.refs.length);
  await assertPullable(to.pull, things);
});
