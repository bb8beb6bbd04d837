import type { FileHandle } from 'node:fs/promises';
import type { BlobReading } from '../core/blob-store.ts';
import type { Digest } from '../core/digest.ts';
import { type Allocate, chunksInTurns, roomyChunk } from '../core/roomy-chunk.ts';
import { chunkBytesNow, readingBegun } from './chunk-size.ts';
import { readFully } from './durable-file.ts';
import { newHasher } from './hashing.ts';

/** What a reading needs to know of its file. */
export interface ReadingPlan {
  readonly offset: number;
  readonly length: number;
  /** Set to check the bytes against its hash on the way; the reading must then cover the whole file. */
  readonly expected: Digest | undefined;
  /** Called when the check has passed. */
  readonly onVerified: () => void;
  /** Called when the check has failed or the file ended early; its result is thrown. */
  readonly onDamaged: () => Error;
  /** Called when a system call has failed, and with what onDamaged gave; its result is thrown. */
  readonly onFailed: (error: unknown) => Error;
}

/** Reads a file in chunks, one ahead of the consumer, and closes it at the end. */
export function chunkedReading(handle: FileHandle, plan: ReadingPlan): BlobReading {
  let closed: Promise<void> | undefined;
  // Whatever closing says, what was read is not changed by it.
  const close = () => (closed ??= handle.close().catch(() => {}));
  async function* all(allocate: Allocate, wasTaken = () => {}): AsyncGenerator<Uint8Array> {
    const ended = readingBegun();
    try {
      yield* chunks(handle, plan, allocate);
      wasTaken();
    } catch (error) {
      throw plan.onFailed(error);
    } finally {
      ended();
      await close();
    }
  }
  return {
    close,
    reusing() {
      const turns = chunksInTurns(chunksInUse);
      return all(turns.allocate, turns.end);
    },
    [Symbol.asyncIterator]: () => all(roomyChunk),
  };
}

/** The same of bytes that are in memory, and stay as they are. */
export function readingOf(bytes: Uint8Array, offset: number, length: number): BlobReading {
  async function* copied(): AsyncGenerator<Uint8Array> {
    if (length === 0) return;
    const chunk = roomyChunk(length);
    chunk.set(bytes.subarray(offset, offset + length));
    yield await Promise.resolve(chunk);
  }
  return { close: () => Promise.resolve(), reusing: copied, [Symbol.asyncIterator]: copied };
}

/** The consumer has two: one that it sends, and one that it is given. A third is being read. */
const chunksInUse = 3;

async function* chunks(
  handle: FileHandle,
  plan: ReadingPlan,
  allocate: Allocate,
): AsyncGenerator<Uint8Array> {
  const end = plan.offset + plan.length;
  const hasher = plan.expected && (await newHasher(plan.expected.digestFunction));

  async function readChunk(position: number): Promise<Uint8Array> {
    const chunk = allocate(Math.min(chunkBytesNow(), end - position));
    const count = await readFully(handle, chunk, position);
    if (count < chunk.length) throw plan.onDamaged();
    return chunk;
  }

  function finishCheck(): void {
    if (hasher === undefined) return;
    if (hasher.digest('hex') !== plan.expected?.hash) throw plan.onDamaged();
    plan.onVerified();
  }

  function readAhead(position: number): Promise<Uint8Array> {
    const chunk = readChunk(position);
    // It may fail while the consumer is still busy with the chunk before; who awaits it is told then.
    chunk.catch(() => {});
    return chunk;
  }

  if (plan.length === 0) {
    finishCheck();
    return;
  }
  let ahead = readAhead(plan.offset);
  try {
    for (let position = plan.offset; position < end;) {
      const chunk = await ahead;
      position += chunk.length;
      hasher?.update(chunk);
      if (position < end) ahead = readAhead(position);
      // The last bytes are held back until all of them are known to be right.
      else finishCheck();
      yield chunk;
    }
  } finally {
    // A consumer that stops early leaves one read in flight; the file must not be closed under it.
    await ahead.catch(() => {});
  }
}
