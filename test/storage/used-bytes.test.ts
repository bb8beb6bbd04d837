import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { blobPrefixes } from '../../src/store/layout.ts';
import { noUsage, type UsageCounts } from '../../src/store/usage-counts.ts';
import { usedBytes } from '../../src/store/used-bytes.ts';

const mebibyte = 1024 * 1024;

/** A server's counts after it has uploaded a blob to a folder. */
function upload(counts: UsageCounts, folder: number, bytes: number): void {
  counts.takenBytes += bytes;
  counts.settledBytes += bytes;
  counts.published[folder] = (counts.published[folder] ?? 0) + bytes;
  counts.publishedBytes += bytes;
}

function foldersWith(bytes: number, prefixes: readonly string[] = blobPrefixes): Record<string, number> {
  return Object.fromEntries(prefixes.map((prefix) => [prefix, bytes]));
}

void describe('what the cache takes', () => {
  void test('is between two figures while nobody knows whether an upload was measured already', () => {
    const own = noUsage();
    const used = usedBytes(own, new Map());
    used.beginMeasuring().done({ folders: foldersWith(mebibyte), records: 0, transit: 0 });
    assert.deepEqual([used.atLeast(), used.current()], [256 * mebibyte, 256 * mebibyte]);

    const measuring = used.beginMeasuring();
    for (let folder = 0; folder < 8; folder++) upload(own, folder, 2 * mebibyte);
    const real = 272 * mebibyte;
    assert.deepEqual([used.atLeast(), used.current()], [real, real]);
    // Some were there when their folder was measured, others were not.
    const folders = { ...foldersWith(mebibyte), '00': 3 * mebibyte, '01': 3 * mebibyte };
    measuring.done({ folders, records: 0, transit: 0 });
    assert.ok(used.atLeast() <= real, `at least ${used.atLeast()}`);
    assert.ok(used.current() > real, `at most ${used.current()}`);

    const after = { ...foldersWith(mebibyte), ...foldersWith(3 * mebibyte, blobPrefixes.slice(0, 8)) };
    used.beginMeasuring().done({ folders: after, records: 0, transit: 0 });
    assert.deepEqual([used.atLeast(), used.current()], [real, real]);
  });

  void test('counts as in transit what an upload under way has written, at most twice', () => {
    const own = noUsage();
    const used = usedBytes(own, new Map());
    const measuring = used.beginMeasuring();
    own.takenBytes += 5 * mebibyte;
    measuring.done({ folders: foldersWith(0), records: 0, transit: 5 * mebibyte });
    assert.ok(used.atLeast() <= 5 * mebibyte, `at least ${used.atLeast()}`);
    assert.ok(used.current() >= 5 * mebibyte, `at most ${used.current()}`);
    used.beginMeasuring().done({ folders: {}, records: 0, transit: 5 * mebibyte });
    assert.deepEqual([used.atLeast(), used.current()], [5 * mebibyte, 5 * mebibyte]);
  });

  void test('is at least what was measured, while folders that were not may hold as much or nothing', () => {
    const used = usedBytes(noUsage(), new Map());
    used.beginMeasuring().done({ folders: { '00': mebibyte, '01': mebibyte }, records: 0, transit: 0 });
    assert.deepEqual([used.atLeast(), used.current()], [2 * mebibyte, 256 * mebibyte]);
  });
});
