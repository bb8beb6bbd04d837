import { createHash, hash as hashOnce } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import { createRequire } from 'node:module';
import type * as hashWasm from 'hash-wasm';
import type { DigestFunction } from '../core/digest-function.ts';
import { readFully } from './durable-file.ts';

// This hash alone: with all of them a process computes for 30 ms more and takes 10 MB more.
const { createBLAKE3 } = createRequire(import.meta.url)('hash-wasm/dist/blake3.umd.min.js') as Pick<
  typeof hashWasm,
  'createBLAKE3'
>;

/** Takes bytes in pieces. */
export interface Hasher {
  update(bytes: Uint8Array): unknown;
  /** Lower-case hex; ends it. */
  digest(encoding: 'hex'): string;
}

/** A hasher of its own for each stream of bytes. */
export async function newHasher(digestFunction: DigestFunction): Promise<Hasher> {
  // node:crypto has no BLAKE3 in this version.
  if (digestFunction === 'blake3') return (await createBLAKE3()).init();
  return createHash(digestFunction);
}

// One for bytes that are there at once: nothing comes between its init() and its digest().
const blake3 = await createBLAKE3();

/** The hash of bytes in memory, lower-case hex. */
export function hashOf(digestFunction: DigestFunction, bytes: Uint8Array): string {
  if (digestFunction === 'blake3') return blake3.init().update(bytes).digest('hex');
  return hashOnce(digestFunction, bytes, 'hex');
}

const hashingBuffer = 1024 * 1024;

/**
 * The hash of an open file of so many bytes, in bounded memory; what has come behind them is not looked at. Gives how many bytes each
 * piece had, so that others can come between.
 */
export async function* hashInPieces(
  digestFunction: DigestFunction,
  handle: FileHandle,
  size: number,
): AsyncGenerator<number, string> {
  const hasher = await newHasher(digestFunction);
  const buffer = Buffer.allocUnsafe(Math.min(size, hashingBuffer));
  for (let position = 0; position < size;) {
    const count = await readFully(handle, buffer.subarray(0, size - position), position);
    if (count === 0) break;
    hasher.update(buffer.subarray(0, count));
    position += count;
    yield count;
  }
  return hasher.digest('hex');
}

/** The same at once. */
export async function hashFile(
  digestFunction: DigestFunction,
  handle: FileHandle,
  size: number,
): Promise<string> {
  const pieces = hashInPieces(digestFunction, handle, size);
  for (;;) {
    const piece = await pieces.next();
    if (piece.done === true) return piece.value;
  }
}
