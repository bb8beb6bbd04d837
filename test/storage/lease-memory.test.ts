import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, test } from 'node:test';
import { type Digest, digestOf } from '../../src/core/digest.ts';
import { elapsedClock } from '../../src/core/elapsed.ts';
import { type LeaseMemory, leaseMemory } from '../../src/store/lease-memory.ts';

function digest(seed: string | number, sizeBytes = 10): Digest {
  return digestOf(createHash('sha256').update(String(seed)).digest('hex'), sizeBytes);
}

/** Whether it need not be looked at. */
function renews(memory: LeaseMemory, blob: Digest): boolean {
  return memory.renewAll([blob]).length === 0;
}

describe('time that has passed', () => {
  test('is what the larger of the two clocks says, piece by piece', () => {
    let [wall, monotonic] = [1_000_000, 50];
    const elapsed = elapsedClock(
      () => wall,
      () => monotonic,
    );
    wall += 10;
    monotonic += 10;
    assert.equal(elapsed(), 10);
    wall -= 3_600_000;
    monotonic += 10;
    assert.equal(elapsed(), 20, 'a wall clock that is set back');
    wall += 500;
    assert.equal(elapsed(), 520, 'a machine that slept');
    wall -= 5;
    monotonic -= 5;
    assert.equal(elapsed(), 520);
  });
});

describe('the memory of leases', () => {
  test('renews a promise without a look only as long as the look was good for', () => {
    let now = 0;
    const memory = leaseMemory(1000, () => now, true);
    assert.equal(renews(memory, digest(1)), false);
    memory.promised(digest(1), 100);
    now = 99;
    assert.equal(renews(memory, digest(1)), true);
    assert.equal(renews(memory, digest(1, 11)), false, 'another size');
    assert.equal(renews(memory, digestOf(digest(1).hash, 10, 'blake3')), false, 'another digest function');
    now = 100;
    assert.equal(renews(memory, digest(1)), false);
  });

  test('knows for a lease after the last promise that it would be broken', () => {
    let now = 0;
    const memory = leaseMemory(1000, () => now, true);
    memory.promised(digest(1), 100);
    now = 50;
    renews(memory, digest(1));
    now = 1049;
    assert.equal(memory.isBroken(digest(1)), true);
    assert.equal(memory.isBroken(digest(2)), false);
    now = 1050;
    assert.equal(memory.isBroken(digest(1)), false);
  });

  test('forgets everything at once', () => {
    const memory = leaseMemory(1000, () => 0, true);
    const before = memory.generation();
    for (let seed = 0; seed < 100; seed++) memory.promised(digest(seed), 100);
    memory.forgetAll();
    for (let seed = 0; seed < 100; seed++) {
      assert.equal(renews(memory, digest(seed)), false);
      assert.equal(memory.isBroken(digest(seed)), false);
    }
    assert.notEqual(memory.generation(), before);
  });

  test('holds many blobs and mixes none of them up, whatever it has to let go', () => {
    const memory = leaseMemory(1000, () => 0, true);
    for (let seed = 0; seed < 300_000; seed++) memory.promised(digest(seed), 100);
    let held = 0;
    for (let seed = 0; seed < 300_000; seed++) if (renews(memory, digest(seed))) held++;
    assert.ok(held > 150_000, `${held} are held`);
    for (let seed = 300_000; seed < 350_000; seed++) assert.equal(renews(memory, digest(seed)), false);
  });

  test('where it may not renew promises, still knows which are broken', () => {
    const memory = leaseMemory(1000, () => 0, false);
    memory.promised(digest(1), 100);
    assert.equal(renews(memory, digest(1)), false);
    assert.equal(memory.isBroken(digest(1)), true);
  });
});
