import assert from 'node:assert/strict';
import { mkdir, rm, truncate, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { Digest } from '../../src/gen/build/bazel/remote/execution/v2/remote_execution.ts';
import { interrupted, printed, printedJson, weirCommand } from '../support/command.ts';
import { artifactUrn, knownVolume } from '../support/known-volume.ts';
import { freshVolume } from '../support/on-volume.ts';
import { directoryBlob } from '../support/trees.ts';
import { blobFile, rot } from '../support/volume-damage.ts';
import { blobDiskBytes } from '../support/volume-traces.ts';
import { type Blob, randomBlob } from '../support/wire.ts';

interface Shown {
  readonly state: string;
  readonly contents: { files: number; folders: number; bytes: number; missing: number };
  readonly stored: { blobs: number; bytes: number; diskBytes: number; missing: number };
  readonly missing: { path: string; digest: string; state: string }[];
  readonly entries: {
    path: string;
    type: string;
    sizeBytes: number;
    digest?: string;
    isExecutable: boolean;
    target?: string;
    state: string;
    totals?: { files: number; folders: number; bytes: number; missing: number };
  }[];
}

const text = ({ digest }: Blob) => `${digest.hash}/${digest.sizeBytes}`;
const paths = ({ entries }: Shown) => entries.map(({ path }) => path);

void test('show prints the tree of a reference with the sizes of files and folders', async (t) => {
  const { volume, one } = await knownVolume(t);
  const [leaf, middle] = one.directories;
  const [shared, tiny, empty, large] = one.files;
  assert.ok(leaf && middle && shared && tiny && empty && large);
  const shown = await printedJson<Shown>(0, 'show', 'alpha/app/one', '--volume', volume);
  const file = (path: string, blob: Blob) => [path, 'file', blob.data.length, text(blob)];
  const link = (path: string) => [path, 'symlink', 0, undefined];
  assert.deepEqual(
    shown.entries.map(({ path, type, sizeBytes, digest }) => [path, type, sizeBytes, digest]),
    [
      ['middle', 'directory', 6010, text(middle)],
      ['middle/leaf', 'directory', 3010, text(leaf)],
      file('middle/leaf/shared', shared),
      file('middle/leaf/tiny', tiny),
      link('middle/leaf/link'),
      file('middle/empty', empty),
      file('middle/shared', shared),
      link('middle/link'),
      ['leaf', 'directory', 3010, text(leaf)],
      file('leaf/shared', shared),
      file('leaf/tiny', tiny),
      link('leaf/link'),
      file('large', large),
      link('link'),
    ],
  );
  assert.deepEqual(shown.entries[0]?.totals, { files: 4, folders: 1, bytes: 6010, missing: 0 });
  assert.deepEqual(shown.contents, { files: 7, folders: 3, bytes: 79_020, missing: 0 });
  assert.deepEqual(shown.stored, {
    blobs: one.blobs.length,
    bytes: one.blobs.reduce((sum, { data }) => sum + data.length, 0),
    diskBytes: blobDiskBytes(volume, one.blobs),
    missing: 0,
  });
  const out = await printed(0, 'show', 'alpha/app/one', '--volume', volume);
  assert.match(out, /contents: 7 files in 3 folders, 79\.0 kB/);
  assert.match(out, /^d +6\.0 kB {2}middle\/$/m);
  assert.match(out, /^l +middle\/link -> \.\.\/elsewhere$/m);
});

void test('show goes into a folder or to a file, and as deep as it is told', async (t) => {
  const { volume } = await knownVolume(t);
  const show = async (...args: string[]) =>
    paths(await printedJson<Shown>(0, 'show', 'alpha/app/two', '--volume', volume, ...args));
  assert.deepEqual(await show('--depth', '1'), ['same', 'more', 'link']);
  assert.deepEqual(await show('--depth', '0'), []);
  assert.deepEqual(await show('--path', 'same/leaf/'), [
    'same/leaf/shared',
    'same/leaf/tiny',
    'same/leaf/link',
  ]);
  assert.deepEqual(await show('--path', 'same', '--depth', '1'), [
    'same/middle',
    'same/leaf',
    'same/large',
    'same/link',
  ]);
  assert.deepEqual(await show('--path', 'same/large'), ['same/large']);
  const nowhere = await weirCommand('show', 'alpha/app/two', '--volume', volume, '--path', 'same/none');
  assert.deepEqual([nowhere.code, nowhere.out], [4, '']);
  assert.match(nowhere.err, /nothing is at same\/none/);
});

void test('show finds artifacts of BuildStream 2 by their names, and results of actions by their hashes', async (t) => {
  const { volume, four, action } = await knownVolume(t);
  const artifact = await printedJson<Shown & { ref: string }>(
    0,
    'show',
    'gamma/tool/four',
    '--volume',
    volume,
  );
  assert.equal(artifact.ref, artifactUrn);
  assert.deepEqual(paths(artifact), [
    'blob',
    'references_directories/0',
    'references_directories/0/file',
    'references_directories/0/link',
  ]);
  assert.equal(artifact.entries[0]?.digest, text(four.proto));
  const { hash } = action.actionDigest;
  const result = await printedJson<Shown>(0, 'show', `blake3:${hash}`, '--volume', volume);
  assert.deepEqual(paths(result), [
    'out/file',
    'out/tree',
    'out/tree/child',
    'out/tree/child/file',
    'out/tree/file',
    'out/root',
    'out/root/child',
    'out/root/child/file',
    'out/root/file',
    'stdout',
    'stderr',
  ]);
  assert.equal(result.stored.blobs, action.blobs.size);
  assert.ok(result.entries[0]?.isExecutable);
  const value = await printedJson<Shown>(0, 'show', 'build-cache-key', '--kind', 'value', '--volume', volume);
  assert.equal(value.stored.blobs, 1);
});

void test('show tells what is missing, where, and how: gone, of another size, damaged or set aside', async (t) => {
  const { volume, one, two } = await knownVolume(t);
  const [leaf] = one.directories;
  const [, , , large] = one.files;
  assert.ok(leaf && large);
  await rm(blobFile(volume, two.more));
  await truncate(blobFile(volume, large), 60_000);
  await rot['a bit flip']?.(blobFile(volume, leaf));
  const shown = await printedJson<Shown>(1, 'show', 'alpha/app/two', '--volume', volume);
  assert.equal(shown.state, 'incomplete');
  const expected = [
    { path: 'more', digest: text(two.more), state: 'missing' },
    { path: 'same/large', digest: text(large), state: 'wrong-size' },
    { path: 'same/middle/leaf', digest: text(leaf), state: 'damaged' },
  ];
  const byPath = (one: { path: string }, other: { path: string }) => (one.path < other.path ? -1 : 1);
  assert.deepEqual(shown.missing.sort(byPath), expected);
  assert.equal(shown.stored.missing, 3);
  const state = (path: string) => shown.entries.find((entry) => entry.path === path)?.state;
  assert.deepEqual(['more', 'same/large', 'same/leaf', 'same/middle', 'same/middle/leaf'].map(state), [
    'missing',
    'wrong-size',
    'damaged',
    'present',
    'damaged',
  ]);
  assert.equal(shown.entries.find(({ path }) => path === 'same/middle')?.totals?.missing, 1);
  const out = await printed(1, 'show', 'alpha/app/two', '--volume', volume);
  assert.match(out, /not whole: 3 blobs missing/);
  assert.ok(out.includes(`missing: ${text(two.more)} at more`));
});

void test('a name that nothing has ends with a code of its own, and with names like it', async (t) => {
  const { volume } = await knownVolume(t);
  const like = async (ref: string, ...args: string[]) => {
    const { code, out, err } = await weirCommand('show', ref, '--volume', volume, ...args);
    assert.deepEqual([code, out], [4, ''], ref);
    return err
      .split('\n')
      .filter((line) => line.startsWith('  '))
      .map((line) => line.trim());
  };
  assert.deepEqual(await like('alpha/app/onne'), ['alpha/app/one', 'alpha/app/two']);
  assert.deepEqual(await like('beta/lib/three'), ['team/a:beta/lib/three']);
  assert.deepEqual(await like('quite/another/name'), []);
  assert.deepEqual(await like('urn:of:a:directorz'), ['urn:of:a:directory']);
  assert.deepEqual(await like('alpha/app/one', '--instance', 'team/a'), ['alpha/app/one', 'alpha/app/two']);
  for (const bad of ['a//b', '../etc/passwd', '']) {
    const { code, err } = await weirCommand('show', bad, '--volume', volume);
    assert.equal(code, 2, bad);
    assert.match(err, /reference key/);
  }
});

void test('an empty reference is told to be unreadable', async (t) => {
  const { volume } = await knownVolume(t);
  await writeFile(join(volume, 'cas', 'refs', 'heads', 'alpha', 'app', 'one'), '');
  const shown = await printedJson<Shown>(1, 'show', 'alpha/app/one', '--volume', volume);
  assert.equal(shown.state, 'unreadable');
});

/** A tree whose folders are each twice in the one above: 2^levels files to list, and one blob for each level. */
async function doublingTree(volume: string, levels: number): Promise<void> {
  const put = async (blob: Blob) => {
    await mkdir(dirname(blobFile(volume, blob)), { recursive: true });
    await writeFile(blobFile(volume, blob), blob.data);
    return blob;
  };
  let folder = await put(directoryBlob({ file: await put(randomBlob(10)) }));
  for (let level = 0; level < levels; level++)
    folder = await put(directoryBlob({}, { a: folder, b: folder }));
  const key = join(volume, 'cas', 'refs', 'heads', 'doubling');
  await mkdir(dirname(key), { recursive: true });
  await writeFile(key, Digest.encode(folder.digest).finish());
}

void test('a tree of endless many places is summed up at once, and its list can be stopped', async (t) => {
  const volume = await freshVolume(t);
  await doublingTree(volume, 45);
  const { contents, stored } = await printedJson<Shown>(
    0,
    'show',
    'doubling',
    '--depth',
    '0',
    '--volume',
    volume,
  );
  assert.equal(contents.files, 2 ** 45);
  assert.equal(stored.blobs, 47);
  const { code, err } = await interrupted(t, ['show', 'doubling', '--volume', volume]);
  assert.equal(code, 130);
  assert.match(err, /stopped before the end/);
});
