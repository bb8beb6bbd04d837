import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { digestOf } from '../../src/core/digest.ts';
import { functionIndex, hashPacker } from '../../src/store/packed-hash.ts';
import { largestKept, smallBlobs } from '../../src/store/small-blobs.ts';
import { packedOf } from '../support/packed-digests.ts';

const leaseMs = 1000;
const stats = { ino: 12, ctimeMs: 34.5 };

/** Bytes that say which they are, from the first to the last of them. */
function numbered(number: number, size: number) {
  const bytes = Buffer.alloc(size, `${number} `);
  return { bytes, digest: digestOf(createHash('sha256').update(bytes).digest('hex'), size) };
}

type Numbered = ReturnType<typeof numbered>;

function isFound(small: ReturnType<typeof smallBlobs>, { digest, bytes }: Numbered): boolean {
  const found = small.find(digest);
  const inRows = digest.hash.length === 64 ? small.bytesOf(packedOf([digest]))(0) : found?.bytes;
  assert.deepEqual(inRows, found?.bytes);
  if (found !== undefined) assert.deepEqual(Buffer.from(found.bytes), bytes);
  return found !== undefined;
}

void test('a blob is given as it was kept, until it is forgotten or too old', () => {
  let now = 0;
  const small = smallBlobs(leaseMs, () => now);
  const [one, other] = [numbered(1, 10), numbered(2, 64 * 1024)];
  assert.equal(small.find(one.digest), undefined);
  small.keep(one.digest, stats, one.bytes);
  now = leaseMs / 2;
  small.keep(other.digest, { ino: 56, ctimeMs: 78.25 }, other.bytes);
  // It has a copy of its own.
  const given = Buffer.from(one.bytes);
  one.bytes.fill(0);
  assert.deepEqual({ ...small.find(one.digest), bytes: undefined }, { ...stats, bytes: undefined });
  assert.deepEqual(Buffer.from(small.find(one.digest)?.bytes ?? []), given);
  assert.ok(isFound(small, other));
  assert.equal(small.find(other.digest)?.ctimeMs, 78.25);
  now = leaseMs;
  assert.equal(small.find(one.digest), undefined);
  assert.ok(isFound(small, other));
  small.forget(other.digest);
  assert.equal(small.find(other.digest), undefined);
});

void test('what is kept anew is given as it is then', () => {
  const small = smallBlobs(leaseMs);
  const { digest, bytes } = numbered(1, 10);
  small.keep(digest, stats, bytes);
  small.keep(digest, { ino: 13, ctimeMs: 35 }, bytes);
  assert.equal(small.find(digest)?.ino, 13);
});

void test('hashes of all functions are told apart, whatever part of them is the same', () => {
  const small = smallBlobs(leaseMs);
  const half = 'ab'.repeat(16);
  const digests = [
    digestOf(half + '00'.repeat(16), 1),
    digestOf(half + '01'.repeat(16), 1),
    digestOf(half + '00'.repeat(16), 1, 'blake3'),
    digestOf(`${half}00000000`, 1, 'sha1'),
    digestOf(half + '00'.repeat(32), 1, 'sha384'),
    digestOf(half + '00'.repeat(48), 1, 'sha512'),
  ];
  for (const [index, digest] of digests.entries()) small.keep(digest, stats, Buffer.of(index));
  assert.deepEqual(
    digests.map((digest) => small.find(digest)?.bytes[0]),
    [...digests.keys()],
  );
});

void test('every digit of a hash counts', () => {
  const small = smallBlobs(leaseMs);
  const { digest, bytes } = numbered(1, 10);
  small.keep(digest, stats, bytes);
  const { hash } = digest;
  for (let at = 0; at < hash.length; at++) {
    const other = digestOf(`${hash.slice(0, at)}${hash[at] === '0' ? '1' : '0'}${hash.slice(at + 1)}`, 10);
    assert.equal(isFound(small, { digest: other, bytes }), false);
  }
});

void test('what is large is not kept', () => {
  const small = smallBlobs(leaseMs);
  const [fits, tooLarge] = [numbered(1, largestKept), numbered(2, largestKept + 1)];
  for (const { digest, bytes } of [fits, tooLarge]) small.keep(digest, stats, bytes);
  assert.ok(isFound(small, fits));
  assert.ok(!isFound(small, tooLarge));
});

void test('150,000 blobs of 100 bytes are kept at a time', () => {
  const small = smallBlobs(3_600_000);
  const blobs = Array.from({ length: 150_000 }, (_, number) => numbered(number, 100));
  for (const { digest, bytes } of blobs) small.keep(digest, stats, bytes);
  const found = blobs.filter((blob) => isFound(small, blob)).length;
  // Hashes do not spread evenly.
  assert.ok(found > 0.96 * blobs.length, `${found}`);
});

void test('of more than there is room for, the latest are there, and what is used stays', () => {
  const small = smallBlobs(3_600_000);
  const used = numbered(-1, 5000);
  small.keep(used.digest, stats, used.bytes);
  // Sizes that differ, so that pieces end and blobs begin anywhere: a hundred times a MiB in all.
  const blobs = Array.from({ length: 20_000 }, (_, number) => numbered(number, 1 + ((number * 37) % 10_007)));
  for (const { digest, bytes } of blobs) {
    small.keep(digest, stats, bytes);
    assert.ok(isFound(small, used), 'what is used all the time is gone');
  }
  const found = blobs.map((blob) => isFound(small, blob));
  const latest = found.slice(-5000);
  assert.ok(latest.filter(Boolean).length > 0.99 * latest.length, `${latest.filter(Boolean).length}`);
  assert.ok(found.filter(Boolean).length < 7000, 'more is kept than there is room for');
});

void test('bytes that were given stay as they are, whatever is kept after', () => {
  const small = smallBlobs(3_600_000);
  const first = numbered(1, 3000);
  small.keep(first.digest, stats, first.bytes);
  const given = small.find(first.digest)?.bytes ?? Buffer.alloc(0);
  for (let number = 2; number < 15_000; number++) {
    const { digest, bytes } = numbered(number, 3000);
    small.keep(digest, stats, bytes);
  }
  assert.equal(small.find(first.digest), undefined);
  assert.deepEqual(Buffer.from(given), first.bytes);
});

void test('no blob can pass for one that stood in its place before', () => {
  const small = smallBlobs(3_600_000, () => 1);
  const [before, wanted] = [numbered(1, 8), numbered(2, 100)];
  for (const { digest, bytes } of [before, wanted]) small.keep(digest, stats, bytes);
  // What would stand before the wanted blob's bytes, where that stood: behind the blob before it, 8 bytes into those of another.
  const words = new Int32Array(16);
  new Float64Array(words.buffer).set([stats.ino, stats.ctimeMs, 1]);
  words.set([4, functionIndex('sha256')], 6);
  words.set(hashPacker()(wanted.digest.hash), 8);
  assert.ok(isFound(small, wanted));
  for (let number = 3; number < 700; number++) {
    const bytes = Buffer.alloc(60_000, `${number} `);
    bytes.set(new Uint8Array(words.buffer), 8);
    small.keep(digestOf(createHash('sha256').update(bytes).digest('hex'), bytes.length), stats, bytes);
  }
  assert.equal(small.find(wanted.digest), undefined);
});
