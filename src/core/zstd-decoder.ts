import { createZstdDecompress, type ZstdDecompress, type ZstdOptions } from 'node:zlib';
import type { WriteArguments } from './zstd-handle.ts';

/**
 * What node:zlib's streams stand on, in all versions that have zstd. A stream makes new memory for each piece that comes out, and goes
 * through the thread pool for it; a quarter of what a compressed upload cost was collecting that memory.
 */
interface Steps {
  readonly _handle: {
    writeSync(...what: WriteArguments): void;
  };
  /** After a step: room that is left, and bytes that were not taken. */
  readonly _writeState: Uint32Array;
}

/** The stream's own memory for what comes out, which is not used: the least that it takes. */
const unusedBytes = 64;
const goOn = 0;

/** A decoder of zstd that does what it is told at once, and gives what comes out into memory of the caller's. */
export class ZstdDecoder {
  readonly #decoder: ZstdDecompress & Steps;

  constructor(options: ZstdOptions) {
    this.#decoder = createZstdDecompress({ ...options, chunkSize: unusedBytes }) as ZstdDecompress & Steps;
    // step() throws it.
    this.#decoder.on('error', () => {});
  }

  /** Decodes until there is no more input, or no more room. Frames may follow one another. Throws what node:zlib says of bytes that are no zstd. */
  step(from: Uint8Array, to: Uint8Array): { readonly taken: number; readonly given: number } {
    let taken = 0;
    let given = 0;
    do {
      const inputLeft = from.length - taken;
      const roomLeft = to.length - given;
      this.#decoder._handle.writeSync(goOn, from, taken, inputLeft, to, given, roomLeft);
      if (this.#decoder.errored !== null) throw this.#decoder.errored;
      const [room = 0, input = 0] = this.#decoder._writeState;
      taken += inputLeft - input;
      given += roomLeft - room;
      // It stops at the end of each frame.
    } while (taken < from.length && given < to.length);
    return { taken, given };
  }

  /** Gives its memory back. */
  close(): void {
    this.#decoder.destroy();
  }
}
