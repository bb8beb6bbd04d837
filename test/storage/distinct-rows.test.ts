import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, test } from 'node:test';
import { type Digest, digestOf, emptyDigest } from '../../src/core/digest.ts';
import { distinctRows } from '../../src/core/distinct-rows.ts';
import { packedOf } from '../support/packed-digests.ts';

function blob(hash = randomBytes(32), sizeBytes = 1): Digest {
  return digestOf(hash.toString('hex'), sizeBytes);
}

function distinct(
  digests: readonly Digest[],
  rows: readonly number[] = [...digests.keys()],
): readonly number[] {
  return distinctRows(packedOf(digests), rows);
}

describe('rows of digests, each once', () => {
  test('the first of those that are the same is taken', () => {
    const [a, b, c] = [blob(), blob(), blob()];
    assert.deepEqual(distinct([a, b, a, c, b, a]), [0, 1, 3]);
    assert.deepEqual(distinct([a, b, a, c, b, a], [2, 4, 5]), [2, 4]);
    assert.deepEqual(distinct([]), []);
  });

  test('another size is another digest, and so is a hash that differs in its last byte only', () => {
    const hash = randomBytes(32);
    const other = Buffer.from(hash);
    other[31] = (other[31] ?? 0) ^ 1;
    assert.deepEqual(distinct([blob(hash, 1), blob(hash, 2), blob(other, 1), blob(hash, 1)]), [0, 1, 2]);
  });

  test('a few after many: nothing is left of those before', () => {
    const many = Array.from({ length: 5000 }, () => blob());
    assert.equal(distinct(many).length, many.length);
    assert.deepEqual(distinct(many.slice(0, 3)), [0, 1, 2]);
  });

  test('hashes that were made to be in one place are told apart as well', () => {
    const hash = randomBytes(32);
    const alike = Array.from({ length: 3000 }, () =>
      blob(Buffer.concat([hash.subarray(0, 16), randomBytes(16)])),
    );
    const twice = [...alike, ...alike, emptyDigest];
    assert.deepEqual(distinct(twice), [...alike.keys(), twice.length - 1]);
  });
});
