import type { ZstdDecompress } from 'node:zlib';

/**
 * What a stream of zstd frames gives. Node's decoder ends with the first frame that ends within a piece, and never tells that it did not
 * take the rest: each time that happens another one goes on with it. What the source throws is thrown.
 */
export async function* zstdFrames(
  source: AsyncIterable<Uint8Array>,
  make: () => ZstdDecompress,
): AsyncGenerator<Uint8Array> {
  const pieces = source[Symbol.asyncIterator]();
  let rest: Uint8Array | undefined;
  try {
    do {
      const decoder = make();
      const feeding = feed(decoder, rest, pieces);
      yield* decoder as AsyncIterable<Uint8Array>;
      rest = await feeding;
    } while (rest !== undefined);
  } finally {
    // It may be waiting for a client that waits for our answer.
    pieces.return?.().catch(() => {});
  }
}

/** Gives pieces to a decoder until there are no more, or until it ends: then resolves with what it did not take. Never rejects. */
async function feed(
  decoder: ZstdDecompress,
  first: Uint8Array | undefined,
  pieces: AsyncIterator<Uint8Array>,
): Promise<Uint8Array | undefined> {
  let given = 0;
  let proceed = () => {};
  const hasEnded = () => proceed();
  decoder.once('end', hasEnded).once('close', hasEnded);
  try {
    let piece = first ?? (await nextOf(pieces));
    while (piece !== undefined && !decoder.destroyed) {
      given += piece.length;
      const written = new Promise<void>((resolve) => {
        proceed = resolve;
      });
      decoder.write(piece, proceed);
      await written;
      const left = given - decoder.bytesWritten;
      if (left > 0) return piece.subarray(piece.length - left);
      piece = await nextOf(pieces);
    }
    decoder.end();
  } catch (error) {
    decoder.destroy(error instanceof Error ? error : new Error(String(error)));
  }
  return undefined;
}

async function nextOf(pieces: AsyncIterator<Uint8Array>): Promise<Uint8Array | undefined> {
  const next = await pieces.next();
  return next.done === true ? undefined : next.value;
}
