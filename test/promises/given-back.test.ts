import assert from 'node:assert/strict';
import { mkdirSync, renameSync, utimesSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { blobName, digestOf } from '../../src/core/digest.ts';
import type { Observer } from '../../src/core/observer.ts';
import { blockingFileCalls } from '../../src/store/blocking-file-calls.ts';
import { emptyTrash } from '../../src/store/emptying.ts';
import { recordTrashName } from '../../src/store/evictable.ts';
import type { FileCalls } from '../../src/store/file-calls.ts';
import { type Layout, layoutOf, makeFolders } from '../../src/store/layout.ts';
import { leaseMemory } from '../../src/store/lease-memory.ts';
import { fileTimeLeases } from '../../src/store/leases.ts';
import { volumeRecords } from '../../src/store/records.ts';

// A janitor looks at a file, is interrupted, and moves it although it was touched meanwhile. After the grace it gives
// the file back. Whoever has looked in its place before that, and looks at the trash after it, finds it in neither.

const minute = 60_000;
const done = () => Promise.resolve();

void test('a blob is found that a janitor gives back between the look in its place and the one at the trash', async () => {
  await withVolume(async (layout, leasesWith) => {
    const digest = digestOf('ab'.repeat(32), 3);
    const home = layout.blob(blobName(digest));
    const leases = leasesWith(() => emptyTrash(layout, 'run', { evictAgeMs: minute, restMs: 0 }, Date.now));
    moveOut(home, join(layout.trash, 'run', blobName(digest)));
    assert.notEqual(await leases.touch(digest), undefined);
    moveOut(home, join(layout.trash, 'run', blobName(digest)));
    assert.notEqual(await leases.touchNamed(blobName(digest)), undefined);
  });
});

void test('the same goes for a record', async () => {
  await withVolume(async (layout, leasesWith, calls) => {
    const path = join(layout.referenceHeads, 'project', 'element', 'key');
    const trashed = join(layout.trash, 'run', recordTrashName(layout, path));
    const leases = leasesWith(() => {});
    const givingBack = callsBeforeNames(calls, () =>
      emptyTrash(layout, 'run', { evictAgeMs: minute, restMs: 0 }, Date.now),
    );
    const records = volumeRecords(givingBack, layout, leases, { syncRecord: done, syncName: done });
    moveOut(path, trashed);
    assert.deepEqual(await records.read(path, 100), Buffer.from('was'));
    moveOut(path, trashed);
    assert.equal(await records.touch(path), true);
  });
});

/** As a janitor leaves a file that was touched between its look and its move. */
function moveOut(home: string, trashed: string): void {
  mkdirSync(dirname(home), { recursive: true });
  mkdirSync(dirname(trashed), { recursive: true });
  writeFileSync(home, 'was');
  utimesSync(home, new Date(), new Date());
  renameSync(home, trashed);
}

function callsBeforeNames(calls: FileCalls, happens: () => unknown): FileCalls {
  return {
    ...calls,
    names(folder) {
      happens();
      return calls.names(folder);
    },
  };
}

async function withVolume(
  work: (
    layout: Layout,
    leasesWith: (happens: () => unknown) => ReturnType<typeof fileTimeLeases>,
    calls: FileCalls,
  ) => Promise<void>,
): Promise<void> {
  const root = await mkdtemp(join(tmpdir(), 'weir-given-back-'));
  try {
    const layout = layoutOf(root);
    await makeFolders(layout);
    const calls = blockingFileCalls();
    const observer = { doubted: () => {}, promiseBroken: () => {} } as unknown as Observer;
    const leasesWith = (happens: () => unknown) =>
      fileTimeLeases({
        calls: callsBeforeNames(calls, happens),
        layout,
        coalesceMs: minute,
        clock: Date.now,
        observer,
        memory: leaseMemory(minute, Date.now, false),
      });
    await work(layout, leasesWith, calls);
  } finally {
    await rm(root, { recursive: true });
  }
}
