import assert from 'node:assert/strict';
import { mkdir, readdir, rename, rm, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { printed, printedJson } from '../support/command.ts';
import { type KnownVolume, knownVolume } from '../support/known-volume.ts';
import { blobFile } from '../support/volume-damage.ts';
import { blobDiskBytes, diskBytes, folderDiskBytes } from '../support/volume-traces.ts';
import { type Blob, blobOf } from '../support/wire.ts';

interface Sum {
  readonly blobs: number;
  readonly bytes: number;
  readonly diskBytes: number;
}

interface Usage {
  readonly groups: { name: string; records: number; recordDiskBytes: number; reachable: Sum; own: Sum }[];
  readonly shared: Sum;
  readonly chunks: Sum & { records: number; recordDiskBytes: number };
  readonly unreached: Sum;
  readonly missing: number;
  readonly unreadable: number;
  readonly others: { temporary: number; trash: number; quarantine: number; ballast: number };
  readonly diskBytes: number;
}

/** Our own tally of distinct blobs of SHA-256. */
function sumOf(volume: string, blobs: readonly Blob[]): Sum {
  const distinct = [...new Map(blobs.map((blob) => [blob.digest.hash, blob])).values()];
  return {
    blobs: distinct.length,
    bytes: distinct.reduce((sum, { data }) => sum + data.length, 0),
    diskBytes: blobDiskBytes(volume, distinct),
  };
}

/** What is in cas/objects, in the folders of other functions and among the records, by their files. */
async function allDiskBytes(volume: string): Promise<number> {
  const roots = ['cas/objects', 'cas/refs/heads', 'tmp'];
  const own = ['objects', 'refs', 'ac', 'assets', 'values', 'chunkings', 'trash', 'quarantine'];
  const sizes = [...roots, ...own.map((name) => `weir/${name}`)].map((name) =>
    folderDiskBytes(join(volume, name)),
  );
  return (await Promise.all(sizes)).reduce((sum, bytes) => sum + bytes, 0);
}

function expectedProjects({
  volume,
  one,
  two,
  three,
  four,
}: KnownVolume): Record<string, [reachable: Sum, own: Sum]> {
  const alpha = [...one.blobs, two.root, two.more];
  const withoutShared = alpha.filter(({ digest }) => digest.hash !== three.shared.digest.hash);
  return {
    alpha: [sumOf(volume, alpha), sumOf(volume, withoutShared)],
    'team/a:beta': [
      sumOf(volume, [three.root, three.own, three.shared]),
      sumOf(volume, [three.root, three.own]),
    ],
    gamma: [sumOf(volume, [four.proto, four.root, four.file]), sumOf(volume, [four.proto])],
    '(assets)': [sumOf(volume, [four.root, four.file]), sumOf(volume, [])],
  };
}

void test('du adds up by project: what each reaches, what is its own, what several share, and all of it is all there is', async (t) => {
  const known = await knownVolume(t);
  const { volume, three, four, value, cut } = known;
  const usage = await printedJson<Usage>(0, 'du', '--volume', volume);
  const group = (name: string) => usage.groups.find((each) => each.name === name);
  for (const [name, [reachable, own]] of Object.entries(expectedProjects(known))) {
    assert.deepEqual(group(name)?.reachable, reachable, name);
    assert.deepEqual(group(name)?.own, own, name);
  }
  assert.deepEqual(group('(values)')?.own, sumOf(volume, [value]));
  assert.equal(group('(actions)')?.reachable.blobs, known.action.blobs.size);
  assert.equal(usage.groups.length, 6);
  assert.deepEqual(usage.shared, sumOf(volume, [three.shared, four.root, four.file]));
  const heads = join(volume, 'cas', 'refs', 'heads', 'alpha', 'app');
  assert.deepEqual(
    [group('alpha')?.records, group('alpha')?.recordDiskBytes],
    [2, diskBytes([join(heads, 'one'), join(heads, 'two')])],
  );
  assert.equal(usage.chunks.records, 1);
  assert.ok(usage.chunks.blobs > 1 && usage.chunks.diskBytes >= 2 * cut.data.length);
  assert.deepEqual([usage.missing, usage.unreadable], [0, 0]);
  assert.equal(usage.diskBytes, await allDiskBytes(volume));
  const out = await printed(0, 'du', '--volume', volume);
  for (const name of usage.groups.map((each) => each.name)) assert.ok(out.includes(`  ${name}\n`), name);
  assert.match(out, /shared: several projects lead to them/);
});

void test('du counts what no record leads to, what is missing, in the trash and set aside, and nothing twice', async (t) => {
  const { volume, one, two, loose } = await knownVolume(t);
  const before = await printedJson<Usage>(0, 'du', '--by', 'kind', '--volume', volume);
  const [, , , large] = one.files;
  assert.ok(large);
  await rm(blobFile(volume, large));
  const trash = join(volume, 'weir', 'trash', 'a-run');
  await mkdir(trash);
  await rename(blobFile(volume, two.more), join(trash, two.more.digest.hash));
  const looseDiskBytes = blobDiskBytes(volume, [loose]);
  await rename(blobFile(volume, loose), join(volume, 'weir', 'quarantine', loose.digest.hash));
  const more = blobOf('nothing leads to this either');
  await writeFile(blobFile(volume, more), more.data, { flush: true });
  await writeFile(join(volume, 'cas', 'refs', 'heads', 'empty'), '');
  const usage = await printedJson<Usage>(0, 'du', '--by', 'kind', '--volume', volume);
  assert.equal(usage.missing, 1);
  assert.equal(usage.unreadable, 1);
  assert.equal(usage.others.trash, diskBytes([join(trash, two.more.digest.hash)]));
  assert.equal(usage.others.quarantine, await folderDiskBytes(join(volume, 'weir', 'quarantine')));
  assert.deepEqual(usage.unreached, {
    blobs: before.unreached.blobs,
    bytes: before.unreached.bytes - loose.data.length + more.data.length,
    diskBytes: before.unreached.diskBytes - looseDiskBytes + blobDiskBytes(volume, [more]),
  });
  assert.deepEqual(
    usage.groups.map(({ name, records }) => [name, records]),
    [
      ['reference', 4],
      ['action', 1],
      ['asset', 2],
      ['value', 1],
    ],
  );
  assert.equal(usage.diskBytes, await allDiskBytes(volume));
});

void test('du by instance keeps instances apart, and by age tells when blobs were last used', async (t) => {
  const { volume, one, two, three, action } = await knownVolume(t);
  const { groups } = await printedJson<Usage>(0, 'du', '--by', 'instance', '--volume', volume);
  const reachable = Object.fromEntries(groups.map((group) => [group.name, group.reachable.blobs]));
  const ofAlpha = new Set([...one.blobs, two.root, two.more].map(({ digest }) => digest.hash));
  // Those of the artifact, of the result, and the value are beside them.
  assert.deepEqual(reachable, { '(unnamed)': ofAlpha.size + 3 + action.blobs.size + 1, 'team/a': 3 });
  const all = await readdir(join(volume, 'cas', 'objects'), { recursive: true, withFileTypes: true });
  const files = all.filter((entry) => entry.isFile()).map(({ parentPath, name }) => join(parentPath, name));
  const daysAgo = (days: number) => Date.now() / 1000 - days * 86_400;
  for (const path of files) await utimes(path, daysAgo(50), daysAgo(50));
  await utimes(blobFile(volume, three.own), daysAgo(400), daysAgo(400));
  const { ages } = await printedJson<{ ages: (Sum & { underMs?: number })[] }>(
    0,
    'du',
    '--by',
    'age',
    '--volume',
    volume,
  );
  const under = (days: number | undefined) =>
    ages.find(({ underMs }) => underMs === (days === undefined ? undefined : days * 86_400_000));
  const older = under(undefined);
  assert.deepEqual(
    { blobs: older?.blobs, bytes: older?.bytes, diskBytes: older?.diskBytes },
    sumOf(volume, [three.own]),
  );
  assert.equal(under(90)?.blobs, files.length - 1);
  assert.equal(under(90)?.diskBytes, diskBytes(files) - blobDiskBytes(volume, [three.own]));
});
