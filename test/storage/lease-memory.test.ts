import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, test } from 'node:test';
import { type Digest, digestOf } from '../../src/core/digest.ts';
import { elapsedClock } from '../../src/core/elapsed.ts';
import { hashBytes } from '../../src/core/packed-digests.ts';
import { type LeaseMemory, leaseMemory } from '../../src/store/lease-memory.ts';
import { packedOf } from '../support/packed-digests.ts';

function digest(seed: string | number, sizeBytes = 10): Digest {
  return digestOf(createHash('sha256').update(String(seed)).digest('hex'), sizeBytes);
}

/** Whether it need not be looked at, whichever way it is asked for. */
function renews(memory: LeaseMemory, blob: Digest): boolean {
  const { unknown, renewed } = memory.renewPacked(packedOf([blob]));
  const isKnown = memory.renewAll([blob]).length === 0;
  assert.deepEqual([unknown, renewed], isKnown ? [[], 1] : [[0], 0]);
  return isKnown;
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
    memory.promised(digest(1), 100, memory.now());
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
    memory.promised(digest(1), 100, memory.now());
    now = 50;
    renews(memory, digest(1));
    now = 1049;
    assert.equal(memory.isBroken(digest(1)), true);
    assert.equal(memory.isBroken(digest(2)), false);
    now = 1050;
    assert.equal(memory.isBroken(digest(1)), false);
  });

  test('counts once what is mentioned several times, and again with the next call', () => {
    const memory = leaseMemory(1000, () => 0, true);
    for (const seed of [1, 2]) memory.promised(digest(seed), 100, memory.now());
    const asked = packedOf([digest(1), digest(3), digest(1), digest(2), digest(3), digest(1)]);
    for (let call = 0; call < 3000; call++)
      assert.deepEqual(memory.renewPacked(asked), { unknown: [1, 4], renewed: 2 });
  });

  test('forgets everything at once', () => {
    const memory = leaseMemory(1000, () => 0, true);
    const before = memory.generation();
    for (let seed = 0; seed < 100; seed++) memory.promised(digest(seed), 100, memory.now());
    memory.forgetAll();
    for (let seed = 0; seed < 100; seed++) {
      assert.equal(renews(memory, digest(seed)), false);
      assert.equal(memory.isBroken(digest(seed)), false);
    }
    assert.notEqual(memory.generation(), before);
  });

  test('holds many blobs and mixes none of them up, whatever it has to let go', () => {
    const memory = leaseMemory(1000, () => 0, true);
    for (let seed = 0; seed < 300_000; seed++) memory.promised(digest(seed), 100, memory.now());
    let held = 0;
    for (let seed = 0; seed < 300_000; seed++) if (renews(memory, digest(seed))) held++;
    assert.ok(held > 150_000, `${held} are held`);
    for (let seed = 300_000; seed < 350_000; seed++) assert.equal(renews(memory, digest(seed)), false);
  });

  test('takes no hash for another that differs from it in one place, whatever its function and its length', () => {
    const memory = leaseMemory(1000, () => 0, true);
    const lengths = { sha1: 40, sha256: 64, blake3: 64, sha384: 96, sha512: 128 } as const;
    for (const [name, length] of Object.entries(lengths)) {
      const hash = createHash('sha512').update(name).digest('hex').slice(0, length);
      const digestFunction = name as keyof typeof lengths;
      const promised = digestOf(hash, 10, digestFunction);
      memory.promised(promised, 100, memory.now());
      // What was asked for before leaves nothing behind, where hashes are shorter.
      assert.equal(memory.isBroken(digestOf('f'.repeat(64), 10)), false);
      assert.equal(memory.isBroken(promised), true);
      for (let place = 0; place < length; place++) {
        const other = hash[place] === '0' ? '1' : '0';
        const near = digestOf(hash.slice(0, place) + other + hash.slice(place + 1), 10, digestFunction);
        assert.equal(memory.isBroken(near), false, `${name}, ${place}`);
        assert.equal(memory.rests(near), false);
        assert.deepEqual(memory.renewAll([near]), [near]);
        if (length === 2 * hashBytes) assert.equal(renews(memory, near), false);
      }
    }
  });

  test('where it may not renew promises, still knows which are broken', () => {
    const memory = leaseMemory(1000, () => 0, false);
    memory.promised(digest(1), 100, memory.now());
    assert.equal(renews(memory, digest(1)), false);
    assert.equal(memory.isBroken(digest(1)), true);
  });
});
