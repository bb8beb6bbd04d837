import assert from 'node:assert/strict';
import { type Digest, emptyDigest } from '../../src/core/digest.ts';
import { hashBytes, type PackedDigests } from '../../src/core/packed-digests.ts';

/** Digests of one function as a request has them. */
export function packedOf(digests: readonly Digest[]): PackedDigests {
  const hashes = Buffer.concat(digests.map(({ hash }) => Buffer.from(hash, 'hex')));
  assert.equal(hashes.length, digests.length * hashBytes);
  return {
    length: digests.length,
    digestFunction: digests[0]?.digestFunction ?? 'sha256',
    hashes: new Int32Array(new Uint8Array(hashes).buffer),
    sizes: digests.map(({ sizeBytes }) => sizeBytes),
    hash: (index) => (digests[index] ?? emptyDigest).hash,
    digest: (index) => digests[index] ?? emptyDigest,
  };
}
