// weir cp from and to directories, and what it skips.
import assert from 'node:assert/strict';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { fetchBlob } from '../support/assets.ts';
import { artifactUri, assertPullable, key, keyOfTeam, pushThings } from '../support/copied-things.ts';
import { copied, copySite } from '../support/cp.ts';
import { fsck } from '../support/fsck.ts';
import { freshVolume, withServerOn } from '../support/on-volume.ts';
import { looksAlways } from '../support/served.ts';
import { blobFile, exists, rot, traces } from '../support/volume-damage.ts';
import { failure } from '../support/wire.ts';

void test('of a directory all names are copied, and no trace of it is left there', async (t) => {
  const [from, to] = [await copySite(t), await copySite(t)];
  const things = await pushThings(from.push);
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
  const [from, to] = [await copySite(t), await copySite(t)];
  await pushThings(from.push);
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
  const [from, to] = [await copySite(t), await copySite(t)];
  const things = await pushThings(from.push);
  const dry = await copied(t, 0, [from.pullUrl, to.pushUrl, ...things.refs, '--dry-run']);
  assert.ok(dry.dryRun);
  const { status } = await failure(to.pull.references.getReference({ instanceName: '', key }));
  assert.equal(status, 'NOT_FOUND');
  const folder = join(await freshVolume(t), 'new');
  const toFolder = await copied(t, 0, [from.weir.volume, folder, '--dry-run']);
  assert.ok(!(await exists(folder)));
  const real = await copied(t, 0, [from.pullUrl, to.pushUrl, ...things.refs]);
  for (const each of [dry, toFolder]) {
    assert.deepEqual(each.names, real.names);
    assert.deepEqual({ ...each.blobs, bytes: each.sentBytes }, { ...real.blobs, bytes: real.sentBytes });
  }
});

void test('a directory can be copied to, from a server or another directory, and served then', async (t) => {
  const from = await copySite(t);
  const things = await pushThings(from.push);
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
  const [from, to] = [await copySite(t), await copySite(t)];
  const things = await pushThings(from.push);
  assert.equal((await copied(t, 0, [from.weir.volume, to.weir.volume])).names.copied, things.refs.length);
  await assertPullable(to.pull, things);
});

void test('what is not whole at the source is skipped and told, and the rest is copied', async (t) => {
  const [from, to] = [await copySite(t, looksAlways), await copySite(t)];
  const things = await pushThings(from.push);
  const { volume } = from.weir;
  const [, , , lost] = things.tree.files;
  assert.ok(lost);
  await rm(blobFile(volume, lost));
  await rot['a bit flip']?.(blobFile(volume, things.artifact.large));
  for (const source of [[volume], [from.pullUrl]]) {
    const refs = source[0] === volume ? [] : things.refs;
    const report = await copied(t, 1, [...source, to.pushUrl, ...refs]);
    assert.deepEqual(report.problems.map(({ name, outcome }) => `${outcome} ${name}`).sort(), [
      `skipped ${key}`,
      `skipped team/a:${keyOfTeam}`,
      `skipped ${artifactUri}`,
    ]);
    assert.equal(report.names.copied + report.names.present, things.refs.length - 3);
    const text = report.problems.map(({ why }) => why).join('\n');
    if (source[0] === volume) assert.match(text, new RegExp(lost.digest.hash));
  }
  for (const [instanceName, name] of [
    ['', key],
    ['team/a', keyOfTeam],
  ] as const) {
    const { status } = await failure(to.pull.references.getReference({ instanceName, key: name }));
    assert.equal(status, 'NOT_FOUND');
  }
  assert.equal((await failure(fetchBlob(to.pull, [artifactUri]))).status, 'NOT_FOUND');
});

void test('an incomplete tree is found by a dry run too', async (t) => {
  const [from, to] = [await copySite(t), await copySite(t)];
  const things = await pushThings(from.push);
  const [, small] = things.tree.files;
  assert.ok(small);
  await rm(blobFile(from.weir.volume, small));
  const report = await copied(t, 1, [from.weir.volume, to.pushUrl, '--dry-run', '--kind', 'reference']);
  assert.equal(report.names.skipped, 2);
});
