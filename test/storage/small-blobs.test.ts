import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import type { Stats } from 'node:fs';
import { describe, mock, test } from 'node:test';
import { blobName, type Digest, digestOf } from '../../src/core/digest.ts';
import type { DigestFunction } from '../../src/core/digest-function.ts';
import { largestKept, type SmallBlobs, smallBlobs } from '../../src/store/small-blobs.ts';
import { packedOf } from '../support/packed-digests.ts';

const trustMs = 1000;
const mostBytes = 32 * 1024 * 1024;
const stats = { ino: 7, ctimeMs: 11 } as Stats;

function digest(seed: number, digestFunction: DigestFunction = 'sha256'): Digest {
  const algorithm = digestFunction === 'blake3' ? 'sha256' : digestFunction;
  return digestOf(createHash(algorithm).update(String(seed)).digest('hex'), 4, digestFunction);
}

function keep(small: SmallBlobs, blob: Digest, bytes = Buffer.from('some')): void {
  small.keep(blobName(blob), stats, bytes);
}

/** What is found of one, whichever way it is asked for. */
function found(small: SmallBlobs, blob: Digest): Uint8Array | undefined {
  const bytes = small.find(blobName(blob))?.bytes;
  if (blob.hash.length === 64) assert.equal(small.finderOf(packedOf([blob]))(0)?.bytes, bytes);
  return bytes;
}

describe('the memory of small blobs', () => {
  test('tells blobs apart by all of their hash and by its function', () => {
    const small = smallBlobs(trustMs);
    const functions: DigestFunction[] = ['sha256', 'blake3', 'sha1', 'sha384', 'sha512'];
    for (const [index, name] of functions.entries()) keep(small, digest(1, name), Buffer.alloc(4, index));
    for (const [index, name] of functions.entries())
      assert.deepEqual(found(small, digest(1, name)), Buffer.alloc(4, index));
    const { hash } = digest(1);
    for (let at = 0; at < hash.length; at++) {
      const other = hash[at] === '0' ? '1' : '0';
      assert.equal(found(small, digestOf(hash.slice(0, at) + other + hash.slice(at + 1), 4)), undefined);
    }
  });

  test('gives the last bytes that were kept, as the file was, until they are forgotten', () => {
    const small = smallBlobs(trustMs);
    keep(small, digest(1));
    small.keep(blobName(digest(1)), { ino: 8, ctimeMs: 12 } as Stats, Buffer.from('same'));
    const { bytes, ino, ctimeMs } = small.find(blobName(digest(1))) ?? assert.fail();
    assert.deepEqual([bytes, ino, ctimeMs], [Buffer.from('same'), 8, 12]);
    small.forget(blobName(digest(1)));
    small.forget(blobName(digest(2)));
    assert.equal(found(small, digest(1)), undefined);
  });

  test('does not keep what is large', () => {
    const small = smallBlobs(trustMs);
    keep(small, digest(1), Buffer.alloc(largestKept));
    keep(small, digest(2), Buffer.alloc(largestKept + 1));
    assert.equal(found(small, digest(1))?.length, largestKept);
    assert.equal(found(small, digest(2)), undefined);
  });

  test('trusts bytes for a time', () => {
    let now = 5000;
    const clock = mock.method(performance, 'now', () => now);
    try {
      const small = smallBlobs(trustMs);
      keep(small, digest(1));
      now += trustMs - 1;
      assert.ok(found(small, digest(1)));
      now += 1;
      assert.equal(found(small, digest(1)), undefined);
      keep(small, digest(1));
      assert.ok(found(small, digest(1)));
    } finally {
      clock.mock.restore();
    }
  });

  test('keeps no more bytes than it may, and what is used for longer than what is not', () => {
    const small = smallBlobs(60_000);
    const bytes = Buffer.alloc(largestKept);
    const fit = Math.floor(mostBytes / (largestKept + 1024));
    for (let seed = 0; seed < 10 * fit; seed++) {
      keep(small, digest(seed), bytes);
      for (let used = 0; used < 10; used++)
        if (seed >= used) assert.ok(found(small, digest(used)), String(used));
    }
    let here = 0;
    for (let seed = 0; seed < 10 * fit; seed++) if (found(small, digest(seed)) !== undefined) here++;
    assert.equal(here, fit);
  });

  test('has places for nearly all of many tiny ones', () => {
    const small = smallBlobs(60_000);
    const count = 30_000;
    for (let seed = 0; seed < count; seed++) keep(small, digest(seed));
    let here = 0;
    for (let seed = 0; seed < count; seed++) if (found(small, digest(seed)) !== undefined) here++;
    assert.ok(here > 0.95 * count, String(here));
  });
});
