import { Readable } from 'node:stream';
import { setImmediate } from 'node:timers/promises';
import { promisify } from 'node:util';
import { constants, zstdCompress, zstdCompressSync, zstdDecompress, zstdDecompressSync } from 'node:zlib';
import { CacheError } from './cache-error.ts';
import { slots } from './slots.ts';
import { ZstdDecoder } from './zstd-decoder.ts';
import { compressing, ZstdEncoder } from './zstd-encoder.ts';

/**
 * A decoder keeps as much of the past as the sender says that it must, up to 2^23 bytes: what RFC 8878
 * asks of every decoder, and what all levels of zstd but the "ultra" ones stay within.
 */
const windowLogMax = 23;
const decoding = { params: { [constants.ZSTD_d_windowLogMax]: windowLogMax } };
/** The level that costs least: what is sent is compressed anew for each reader. */
const level = 1;
const encoding = { params: { [constants.ZSTD_c_compressionLevel]: level } };
/** At most what comes out of a stream that decompresses: smaller ones are more turns of the thread pool when they are written. */
const decodedBytes = 512 * 1024;
/**
 * Most that is decoded in one go, while everything else waits: made for it, a millisecond's work is in a few KiB that give nothing.
 */
const encodedBytes = 128 * 1024;
/** Memory of decoders that have ended, for the next. */
const spares: Buffer[] = [];
const mostSpares = 4;
/** Streams at once, in both directions together: a decoder's window is memory that the sender decides on. */
const streams = slots(64);
/** Less than this costs less to (de)compress than a turn through the thread pool. Bytes. */
const atOnceUpTo = 32 * 1024;

const pooledCompress = promisify<Uint8Array, object, Buffer>(zstdCompress);
const pooledDecompress = promisify<Uint8Array, object, Buffer>(zstdDecompress);

/**
 * Compressed pieces of a stream of bytes, each needed no more when the one after the next is asked for: its memory is used again. Of the
 * source it needs one piece at a time. What the source throws is thrown, and the compressed stream then has no end.
 */
export async function* zstdCompressed(
  source: AsyncIterable<Uint8Array>,
  signal?: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const release = await streams.take(signal);
  const encoder = new ZstdEncoder(level);
  try {
    for await (const piece of source) yield* encoder.compress(piece);
    yield* encoder.end();
  } finally {
    encoder.close();
    release();
  }
}

/**
 * The bytes of a compressed stream, of one frame or of several (RFC 8878, 3.1), as many as it may give: the consumer stops when they
 * are too many, and no more than a piece is ever held. A piece is needed no more when the next is asked for: its memory is used again.
 * Throws 'digest-mismatch' when it is no zstd stream, or asks for a larger window than is given to it.
 */
export async function* zstdDecompressed(
  source: AsyncIterable<Uint8Array>,
  signal?: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const release = await streams.take(signal);
  const memory = spares.pop() ?? Buffer.allocUnsafeSlow(decodedBytes);
  const decoder = new ZstdDecoder(decoding);
  try {
    for await (const piece of source) {
      let at = 0;
      let given = 0;
      do {
        let taken;
        ({ taken, given } = decoder.step(piece.subarray(at, at + encodedBytes), memory));
        at += taken;
        if (given > 0) yield memory.subarray(0, given);
        else if (at < piece.length) await setImmediate();
        // What fills the memory may have more behind it.
      } while (at < piece.length || given === memory.length);
    }
    // Of one that stopped early, somebody may still be at a piece.
    if (spares.length < mostSpares) spares.push(memory);
  } catch (error) {
    throw asMismatch(error);
  } finally {
    decoder.close();
    release();
  }
}

/** Compressed bytes, or undefined when that saves nothing. */
export async function zstdWhole(bytes: Uint8Array): Promise<Uint8Array | undefined> {
  const compressed =
    bytes.length > atOnceUpTo ? await compressInPool(bytes) : zstdCompressSync(bytes, encoding);
  return compressed.length < bytes.length ? compressed : undefined;
}

async function compressInPool(bytes: Uint8Array): Promise<Uint8Array> {
  const release = await compressing.take();
  try {
    return await pooledCompress(bytes, encoding);
  } finally {
    release();
  }
}

/** What the compressed bytes give, which may not be more than expected. Throws 'digest-mismatch' when it is, or when they are no zstd stream. */
export async function unzstdWhole(compressed: Uint8Array, expectedBytes: number): Promise<Uint8Array> {
  const options = { ...decoding, maxOutputLength: expectedBytes + 1 };
  try {
    const bytes =
      expectedBytes > atOnceUpTo
        ? await pooledDecompress(compressed, options)
        : zstdDecompressSync(compressed, options);
    // Those stop behind the first frame.
    return bytes.length < expectedBytes ? await allFrames(compressed, expectedBytes) : bytes;
  } catch (error) {
    throw codeOf(error) === 'ERR_BUFFER_TOO_LARGE' ? tooMany(expectedBytes) : asMismatch(error);
  }
}

async function allFrames(compressed: Uint8Array, expectedBytes: number): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  let length = 0;
  for await (const piece of zstdDecompressed(Readable.from([compressed], { objectMode: true }))) {
    pieces.push(Buffer.from(piece));
    length += piece.length;
    if (length > expectedBytes) throw tooMany(expectedBytes);
  }
  return Buffer.concat(pieces);
}

function tooMany(expectedBytes: number): CacheError {
  return new CacheError(
    'digest-mismatch',
    `more than the ${expectedBytes} bytes that the digest announces were sent; nothing was stored`,
  );
}

function asMismatch(error: unknown): unknown {
  if (!codeOf(error).startsWith('ZSTD_')) return error;
  return new CacheError(
    'digest-mismatch',
    `the bytes sent are no zstd stream, or one with a window of more than ${2 ** (windowLogMax - 20)} MiB; nothing was stored`,
    { cause: error },
  );
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}
