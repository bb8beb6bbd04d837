import assert from 'node:assert/strict';
import { lstat, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { parseInstanceName } from '../../src/core/instance-name.ts';
import { parseReferenceKey } from '../../src/core/reference-key.ts';
import { Digest } from '../../src/gen/build/bazel/remote/execution/v2/remote_execution.ts';
import { leaseAges } from '../../src/janitor/lease-ages.ts';
import { pinnedTime } from '../../src/janitor/pinned-time.ts';
import { withFolder } from '../../src/store/durable-file.ts';
import { evict } from '../../src/store/eviction.ts';
import { type Layout, layoutOf, makeFolders } from '../../src/store/layout.ts';
import { writePin } from '../../src/store/pins.ts';
import { eventually } from '../support/eventually.ts';
import { directoryBlob } from '../support/trees.ts';
import { blobFile, exists } from '../support/volume-damage.ts';
import { type Blob, randomBlob } from '../support/wire.ts';

const ages = { ...leaseAges({ leaseMs: 0, coalesceMs: 0 }), evictAgeMs: 200, graceMs: 0 };

void test('a pass that takes longer than any lease finds nothing pinned old enough', async (t) => {
  const root = await mkdtemp(join(tmpdir(), 'weir-volume-'));
  t.after(() => rm(root, { recursive: true, maxRetries: 20, retryDelay: 100 }));
  const layout = layoutOf(root);
  await makeFolders(layout);
  const [pinned, other] = [
    await storedReference(layout, 'p/e/pinned'),
    await storedReference(layout, 'p/e/other'),
  ];
  const pin = { recordPath: pinned.path, name: 'p/e/pinned', pinnedAtMs: Date.now(), note: '' };
  await writePin(layout, pin);
  await eventually(() => isDue(other.paths));
  const { clock, pins } = await pinnedTime(layout).renewed(ages, false);
  assert.deepEqual([pins.whole, pins.incomplete], [1, 0]);
  // As if the pass had begun then, and were not over yet.
  await eventually(() => isDue(pinned.paths));
  const plan = { run: 'a-run', wantedBytes: Infinity, wantedFiles: 0, filesOfPart: 1, ...ages };
  await evict(layout, plan, clock);
  const left = async (paths: readonly string[]) => await Promise.all(paths.map(exists));
  assert.deepEqual(await left(other.paths), [false, false, false]);
  assert.deepEqual(await left(pinned.paths), [true, true, true]);
});

void test('nothing is removed while the volume fails under something pinned, for as long as unused things stay', async (t) => {
  const root = await mkdtemp(join(tmpdir(), 'weir-volume-'));
  t.after(() => rm(root, { recursive: true, maxRetries: 20, retryDelay: 100 }));
  const layout = layoutOf(root);
  await makeFolders(layout);
  const pinned = await storedReference(layout, 'p/e/pinned');
  await writePin(layout, { recordPath: pinned.path, name: 'p/e/pinned', pinnedAtMs: Date.now(), note: '' });
  const time = pinnedTime(layout);
  const folder = dirname(pinned.paths[0] ?? '');
  await rename(folder, `${folder}.away`);
  // A look at anything in there fails, and does not say that it is absent.
  await symlink(folder, folder);
  const patient = { ...ages, evictAgeMs: 3_600_000 };
  await assert.rejects(
    time.renewed(patient, false),
    /some of what is pinned could not be leased: p\/e\/pinned: /,
  );
  await eventually(async () => {
    const now = await time.renewed(ages, false).catch(() => undefined);
    return now !== undefined && now.pins.incomplete === 1;
  });
  await rm(folder);
  await rename(`${folder}.away`, folder);
  const { pins } = await time.renewed(patient, false);
  assert.deepEqual([pins.whole, pins.incomplete, pins.failed], [1, 0, 0]);
});

/** Whether all these files are old enough to be evicted. */
async function isDue(paths: readonly string[]): Promise<boolean> {
  const looks = await Promise.all(paths.map((path) => lstat(path)));
  return looks.every(({ mtimeMs, ctimeMs }) => Date.now() - Math.max(mtimeMs, ctimeMs) > 2 * ages.evictAgeMs);
}

/** A reference to a tree of one file, and the paths of all three. */
async function storedReference(layout: Layout, key: string) {
  const file = randomBlob(1000);
  const root = directoryBlob({ file });
  const store = async (blob: Blob) => {
    const path = blobFile(layout.root, blob);
    await writeFile(path, blob.data);
    return path;
  };
  const path = layout.reference(parseInstanceName(''), parseReferenceKey(key));
  await withFolder(path, () => writeFile(path, Digest.encode(root.digest).finish()));
  return { path, paths: [await store(file), await store(root), path] };
}
