import { availableParallelism } from 'node:os';
import { constants, createZstdCompress } from 'node:zlib';
import { chunksInTurns } from './roomy-chunk.ts';
import { slots } from './slots.ts';
import type { WriteArguments } from './zstd-handle.ts';

/**
 * What node:zlib's streams stand on, in all versions that have zstd. A stream makes new memory for each piece that comes out: a quarter
 * of what a compressed answer cost was collecting that memory.
 */
interface Handle {
  onerror: (message: string, errno: number, code: string) => void;
  /** After each write, `state` is the room that is left and the bytes that were not taken. */
  init(params: Uint32Array, sizeBytes: number | undefined, state: Uint32Array, onWritten: () => void): void;
  write(...what: WriteArguments): void;
  writeSync(...what: WriteArguments): void;
  close(): void;
}

/** A parameter that is left as it is. */
const unset = 0xffffffff;
const { ZSTD_e_continue: goOn, ZSTD_e_end: finish } = constants;
const nothing = new Uint8Array();
/** Most that comes out at once: what can be compressed at all is one turn of the thread pool for each MiB that goes in. */
const mostAtOnce = 512 * 1024;
/** What comes out of a small stream, besides what was put in. */
const frameBytes = 64;
/** Less than this costs less to compress than a turn through the thread pool. Bytes. */
const withoutPoolUpTo = 32 * 1024;
/** Whoever sends what comes out has one piece on its way while the next is made. */
const piecesInUse = 2;

/**
 * Compressing at once in the thread pool, whose threads are many since most of them wait for disks: more than there are processors make nothing
 * faster, and keep the event loop from its own.
 */
export const compressing = slots(2 * availableParallelism());

let handleClass: (new () => Handle) | undefined;

function newHandle(): Handle {
  if (handleClass === undefined) {
    const stream = createZstdCompress() as unknown as { readonly _handle: Handle; destroy(): void };
    handleClass = stream._handle.constructor as new () => Handle;
    stream.destroy();
  }
  return new handleClass();
}

/**
 * Compresses bytes to one zstd frame, in the thread pool. A piece of it is needed no more when the one after the next is asked for: its
 * memory is used again. What goes in is needed until all that comes of it was asked for. No memory is taken before the first piece.
 */
export class ZstdEncoder {
  readonly #handle = newHandle();
  readonly #state = new Uint32Array(2);
  readonly #allocate = chunksInTurns(piecesInUse).allocate;
  #pieceBytes = 0;
  /** What nothing has come out into yet: the other may be on its way. */
  #piece: Uint8Array | undefined;
  #takenBytes = 0;
  /** What a thread is at: it does not hold the memory itself. */
  #step: { from: Uint8Array; to: Uint8Array; resolve: () => void } | undefined;
  #error: Error | undefined;

  constructor(level: number) {
    const params = new Uint32Array(constants.ZSTD_c_compressionLevel + 1).fill(unset);
    params[constants.ZSTD_c_compressionLevel] = level;
    this.#handle.onerror = (message, errno, code) => {
      this.#error = Object.assign(new Error(message), { errno, code });
      this.#step?.resolve();
    };
    this.#handle.init(params, undefined, this.#state, () => this.#step?.resolve());
  }

  /** What comes out when the bytes go in. Some of it may come later. */
  compress(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
    return this.#pieces(goOn, bytes);
  }

  /** What has not come out yet, and the end of the frame. */
  end(): AsyncGenerator<Uint8Array> {
    return this.#pieces(finish, nothing);
  }

  /** Gives its memory back. Not while a piece is being made. */
  close(): void {
    this.#handle.close();
  }

  async *#pieces(flush: number, bytes: Uint8Array): AsyncGenerator<Uint8Array> {
    this.#pieceBytes ||= Math.min(mostAtOnce, bytes.length + frameBytes);
    let left = bytes;
    let room;
    do {
      const piece = (this.#piece ??= this.#allocate(this.#pieceBytes));
      await this.#write(flush, left, piece);
      if (this.#error !== undefined) throw this.#error;
      let notTaken;
      [room = 0, notTaken = 0] = this.#state;
      left = left.subarray(left.length - notTaken);
      if (room < piece.length) {
        this.#piece = undefined;
        yield piece.subarray(0, piece.length - room);
      }
      // What fills a piece may have more behind it.
    } while (room === 0);
  }

  async #write(flush: number, from: Uint8Array, to: Uint8Array): Promise<void> {
    this.#takenBytes += from.length;
    const what = [flush, from, 0, from.length, to, 0, to.length] as const;
    if (this.#takenBytes <= withoutPoolUpTo) {
      this.#handle.writeSync(...what);
      return;
    }
    const release = await compressing.take();
    await new Promise<void>((resolve) => {
      this.#step = { from, to, resolve };
      this.#handle.write(...what);
    });
    this.#step = undefined;
    release();
  }
}
