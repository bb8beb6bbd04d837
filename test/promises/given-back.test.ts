import assert from 'node:assert/strict';
import { mkdirSync, renameSync, utimesSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { blobName, digestOf, emptyDigest } from '../../src/core/digest.ts';
import type { Observer } from '../../src/core/observer.ts';
import { localFileCalls } from '../../src/store/local-file-calls.ts';
import { emptyTrash } from '../../src/store/emptying.ts';
import { recordTrashName } from '../../src/store/evictable.ts';
import type { FileCalls } from '../../src/store/file-calls.ts';
import { type Layout, layoutOf, makeFolders } from '../../src/store/layout.ts';
import { leaseMemory } from '../../src/store/lease-memory.ts';
import { fileTimeLeases } from '../../src/store/file-time-leases.ts';
import { removeRecordIf } from '../../src/store/record-removal.ts';
import { volumeRecords } from '../../src/store/records.ts';
import { trashRun } from '../../src/store/trash-run.ts';

// A janitor looks at a file, is interrupted, and moves it although it was touched meanwhile. After the grace it gives
// the file back. Whoever has looked in its place before that, and looks at the trash after it, finds it in neither.

const minute = 60_000;
const ages = { evictAgeMs: minute, restMs: 0 };
/** Leases whose look at the trash comes after something has happened. */
type LeasesWith = (happens: () => unknown, more?: MoreOfLeases) => ReturnType<typeof fileTimeLeases>;
interface MoreOfLeases {
  readonly clock?: () => number;
  /** Happens before each look at a file. */
  readonly beforeStat?: () => unknown;
}
const done = () => Promise.resolve();

void test('a blob is found that a janitor gives back between the look in its place and the one at the trash', async () => {
  await withVolume(async (layout, leasesWith) => {
    const digest = digestOf('ab'.repeat(32), 3);
    const home = layout.blob(blobName(digest));
    const leases = leasesWith(() => emptyTrash(layout, 'run', ages, Date.now));
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
    const givingBack = callsBeforeNames(calls, () => emptyTrash(layout, 'run', ages, Date.now));
    const records = volumeRecords(givingBack, layout, leases, { syncRecord: done, syncName: done });
    moveOut(path, trashed);
    assert.deepEqual(await records.read(path, 100), Buffer.from('was'));
    moveOut(path, trashed);
    assert.equal(await records.touch(path), true);
  });
});

// Another janitor may have looked at the file before it was touched, too: it moves it out again as soon as it is given back.

void test('a blob is found that one janitor gives back between two looks, and another moves out between the next two', async () => {
  await withVolume(async (layout, leasesWith) => {
    const digest = digestOf('ab'.repeat(32), 3);
    const home = layout.blob(blobName(digest));
    const again = () => {
      moveOut(home, join(layout.trash, 'one', blobName(digest)));
      return leasesWith(
        nthTime(1, () => {
          emptyTrash(layout, 'one', ages, Date.now);
          mkdirSync(join(layout.trash, 'two'), { recursive: true });
        }),
        { beforeStat: nthTime(2, () => renameSync(home, join(layout.trash, 'two', blobName(digest)))) },
      );
    };
    assert.notEqual(await again().touch(digest), undefined);
    assert.notEqual(await again().touchNamed(blobName(digest)), undefined);
    assert.deepEqual(await again().leaseAll([digest]), []);
  });
});

void test('a record too', async () => {
  await withVolume(async (layout, leasesWith, calls) => {
    const path = join(layout.referenceHeads, 'project', 'element', 'key');
    const trashName = recordTrashName(layout, path);
    const leases = leasesWith(() => {}, {
      beforeStat: nthTime(2, () => trashRun(layout, 'two').move(path, trashName)),
    });
    moveOut(path, join(layout.trash, 'one', trashName));
    const givingBack = callsBeforeNames(
      calls,
      nthTime(1, () => emptyTrash(layout, 'one', ages, Date.now)),
    );
    const records = volumeRecords(givingBack, layout, leases, { syncRecord: done, syncName: done });
    assert.equal(await records.touch(path), true);
  });
});

// Of many blobs, those that are not in their places are looked for no more where the trash was empty before and after
// that. Between these two looks a janitor may do all of its work, when there is time enough for it.

void test('a blob of many is found that came into the trash and was given back between two looks at an empty one', async () => {
  await withVolume(async (layout, leasesWith) => {
    const { digest, home, trashed, many } = oneOfMany(layout);
    let passed = 0;
    const givesBack = () => {
      passed = minute / 2;
      return emptyTrash(layout, 'run', ages, Date.now);
    };
    const leases = leasesWith(nthTime(2, givesBack), {
      clock: () => Date.now() + passed,
      beforeStat: nthTime(1, () => moveOut(home, trashed)),
    });
    assert.deepEqual(
      await leases.leaseAll(many),
      many.filter((each) => each !== digest),
    );
  });
});

void test('so is one that a janitor was about to give back at the first look, and one that it has just moved', async () => {
  await withVolume(async (layout, leasesWith) => {
    const { digest, home, trashed, many } = oneOfMany(layout);
    const others = many.filter((each) => each !== digest);
    moveOut(home, trashed);
    const givesBack = () => emptyTrash(layout, 'run', ages, Date.now);
    assert.deepEqual(await leasesWith(nthTime(2, givesBack)).leaseAll(many), others);
    const beforeStat = nthTime(1, () => moveOut(home, trashed));
    assert.deepEqual(await leasesWith(() => {}, { beforeStat }).leaseAll(many), others);
  });
});

void test('what is nowhere is looked for once where the trash is empty; the blob of no bytes is made all the same', async () => {
  await withVolume(async (layout, leasesWith) => {
    const { many } = oneOfMany(layout);
    let looks = 0;
    const leases = leasesWith(() => {}, { beforeStat: () => looks++ });
    assert.deepEqual(await leases.leaseAll([...many, emptyDigest]), many);
    assert.equal(looks, many.length + 2);
  });
});

// A janitor that is killed leaves what a record was in the trash, for a minute or until a server starts again.

void test('what a record was before it was written anew does not come back when the record is evicted', async () => {
  await withVolume(async (layout, leasesWith, calls) => {
    const { path, trashName, records } = recordsOf(layout, leasesWith, calls);
    moveOut(path, join(layout.trash, 'killed', trashName), 'old', 10 * minute);
    writeAt(path, 'new', 5 * minute);
    trashRun(layout, 'next').move(path, trashName);
    emptyTrash(layout, 'next', ages, Date.now);
    assert.equal(await records.read(path, 100), undefined);
    assert.equal(await records.touch(path), false);
  });
});

void test('nor when it is removed for good', async () => {
  await withVolume(async (layout, leasesWith, calls) => {
    const { path, trashName, records } = recordsOf(layout, leasesWith, calls);
    moveOut(path, join(layout.trash, 'killed', trashName), 'old', 10 * minute);
    writeAt(path, 'new', 5 * minute);
    assert.equal(await removeRecordIf(layout, path, () => true), 'removed');
    assert.equal(await records.read(path, 100), undefined);
  });
});

void test('of a record that is in the trash twice, what was written last is found', async () => {
  await withVolume(async (layout, leasesWith, calls) => {
    const { path, trashName, records } = recordsOf(layout, leasesWith, calls);
    // By janitors that looked at the old one, and were interrupted: whichever of the folders is listed first.
    moveOut(path, join(layout.trash, 'a', trashName), 'old', 5 * minute);
    moveOut(path, join(layout.trash, 'b', trashName), 'new', 0);
    moveOut(path, join(layout.trash, 'c', trashName), 'old', 5 * minute);
    assert.deepEqual(await records.read(path, 100), Buffer.from('new'));
  });
});

function oneOfMany(layout: Layout) {
  const many = Array.from({ length: 20 }, (_, index) =>
    digestOf(`${index}`.padStart(2, '0').repeat(32), 'was'.length),
  );
  const digest = many[7];
  assert.ok(digest);
  const name = blobName(digest);
  return { digest, home: layout.blob(name), trashed: join(layout.trash, 'run', name), many };
}

/** Does it when it is called for the nth time. */
function nthTime(nth: number, work: () => unknown): () => void {
  let calls = 0;
  return () => {
    if (++calls === nth) work();
  };
}

function recordsOf(layout: Layout, leasesWith: LeasesWith, calls: FileCalls) {
  const path = join(layout.referenceHeads, 'project', 'element', 'key');
  const records = volumeRecords(
    calls,
    layout,
    leasesWith(() => {}),
    { syncRecord: done, syncName: done },
  );
  return { path, trashName: recordTrashName(layout, path), records };
}

/** As a janitor leaves a file that was touched between its look and its move. */
function moveOut(home: string, trashed: string, text = 'was', idleMs = 0): void {
  writeAt(home, text, idleMs);
  mkdirSync(dirname(trashed), { recursive: true });
  renameSync(home, trashed);
}

/** A file that was touched so long ago last. */
function writeAt(path: string, text: string, idleMs: number): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
  const then = new Date(Date.now() - idleMs);
  utimesSync(path, then, then);
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
  work: (layout: Layout, leasesWith: LeasesWith, calls: FileCalls) => Promise<void>,
): Promise<void> {
  const root = await mkdtemp(join(tmpdir(), 'weir-given-back-'));
  try {
    const layout = layoutOf(root);
    await makeFolders(layout);
    const calls = localFileCalls();
    const observer = { doubted: () => {}, promiseBroken: () => {} } as unknown as Observer;
    const leasesWith: LeasesWith = (happens, { clock = Date.now, beforeStat = () => {} } = {}) =>
      fileTimeLeases({
        calls: {
          ...callsBeforeNames(calls, happens),
          stat(path) {
            beforeStat();
            return calls.stat(path);
          },
          statAll(paths) {
            paths.forEach(() => beforeStat());
            return calls.statAll(paths);
          },
        },
        layout,
        coalesceMs: minute,
        graceMs: minute,
        clock,
        observer,
        memory: leaseMemory(minute, Date.now, false),
        seen: { wereWrong: () => false },
      });
    await work(layout, leasesWith, calls);
  } finally {
    await rm(root, { recursive: true });
  }
}
