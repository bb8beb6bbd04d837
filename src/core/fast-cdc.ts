import type { Chunker } from './chunker.ts';
import { gearTable } from './gear-table.ts';

/** REAPI's FastCdc2020Params. */
export interface FastCdcParams {
  /** A power of two from 1 KiB to 1 MiB; chunks have a quarter to four times of it. */
  readonly avgChunkSizeBytes: number;
  /** 32 bits that change where the cuts are. */
  readonly seed: number;
}

/** FastCDC's masks, from the one of 8 bits to the one of 22: bytes pass one of n bits every 2^n on average. */
const masks = [
  0x001800035300, 0x019000353000, 0x590003530000, 0xd90003530000, 0xd90103530000, 0xd90303530000,
  0xd90313530000, 0xd90f03530000, 0xd90303537000, 0xd90703537000, 0xd90707537000, 0xd91707537000,
  0xd91747537000, 0xd91767537000, 0xd93767537000,
];
const leastMaskBits = 8;
/** Normalisation level 2: this many bits more before the average size, and fewer behind it. */
const normalization = 2;

// The hash has 64 bits, but it only ever grows to the left, and no mask has a bit above the 47th: what is
// above cannot reach a decision. Two limbs of 24 bits keep the rest within small integers.
const limbBits = 24;
const limbMask = 0xffffff;

/** 48 bits as two limbs. */
interface Limbs {
  readonly high: number;
  readonly low: number;
}

/**
 * FastCDC as in the paper of 2020, at normalisation level 2. A byte whose hash passes the mask is the first of
 * the next chunk; the paper's "two bytes each time" shows only in that the last byte of a blob is
 * never looked at where that leaves an odd number of bytes.
 */
export class FastCdc implements Chunker {
  readonly #least: number;
  readonly #average: number;
  readonly #most: number;
  readonly #strict: Limbs;
  readonly #lenient: Limbs;
  readonly #gearHigh: Int32Array;
  readonly #gearLow: Int32Array;
  /** Bytes of the blob from the start of the current chunk on. */
  #remaining: number;
  /** Bytes of the current chunk that have been taken. */
  #taken = 0;
  #high = 0;
  #low = 0;

  constructor(sizeBytes: number, { avgChunkSizeBytes, seed }: FastCdcParams) {
    const averageBits = Math.log2(avgChunkSizeBytes);
    this.#least = avgChunkSizeBytes / 4;
    this.#average = avgChunkSizeBytes;
    this.#most = avgChunkSizeBytes * 4;
    this.#strict = maskOf(averageBits + normalization);
    this.#lenient = maskOf(averageBits - normalization);
    this.#gearHigh = gearTable.high.map(
      (high, value) => limbsOf(high, (gearTable.low[value] ?? 0) ^ seed).high,
    );
    this.#gearLow = gearTable.low.map((low) => limbsOf(0, low ^ seed).low);
    this.#remaining = sizeBytes;
  }

  next(piece: Uint8Array): number[] {
    const lengths: number[] = [];
    for (let at = 0; at < piece.length;) {
      const start = at - this.#taken;
      const end = Math.min(this.#remaining, this.#most);
      const cut = this.#cut(piece, start, end);
      at = Math.min(start + cut, piece.length);
      if (start + cut > piece.length) {
        this.#taken = piece.length - start;
        break;
      }
      lengths.push(cut);
      this.#remaining -= cut;
      this.#taken = this.#high = this.#low = 0;
    }
    return lengths;
  }

  /** The length of the chunk that starts at `start` of the piece (before it, mostly) and has at most `end` bytes; more than the piece has when it is not decided. */
  #cut(piece: Uint8Array, start: number, end: number): number {
    const lookedAt = end - (end % 2);
    const have = piece.length - start;
    const from = Math.max(this.#taken, this.#least);
    const middle = Math.min(this.#average, lookedAt);
    const strict = this.#scan(piece, start, from, Math.min(middle, have), this.#strict);
    if (strict !== undefined) return strict;
    const lenient = this.#scan(piece, start, Math.max(from, middle), Math.min(lookedAt, have), this.#lenient);
    return lenient ?? end;
  }

  /** The first of the bytes [from, to) of the chunk whose hash passes the mask. */
  #scan(piece: Uint8Array, start: number, from: number, to: number, mask: Limbs): number | undefined {
    const gearHigh = this.#gearHigh;
    const gearLow = this.#gearLow;
    const { high: highMask, low: lowMask } = mask;
    let high = this.#high;
    let low = this.#low;
    for (let offset = from; offset < to; offset++) {
      const byte = piece[start + offset] as number;
      low = (low << 1) + (gearLow[byte] as number);
      high = ((high << 1) + (gearHigh[byte] as number) + (low >>> limbBits)) & limbMask;
      low &= limbMask;
      if (((low & lowMask) | (high & highMask)) === 0) return offset;
    }
    this.#high = high;
    this.#low = low;
    return undefined;
  }
}

function maskOf(bits: number): Limbs {
  const mask = masks[bits - leastMaskBits];
  if (mask === undefined)
    throw new RangeError('the average chunk size is a power of two from 1 KiB to 1 MiB');
  return { high: Math.floor(mask / (limbMask + 1)), low: mask % (limbMask + 1) };
}

/** The lower 48 of 64 bits. */
function limbsOf(high: number, low: number): Limbs {
  return { high: ((high & 0xffff) << 8) | (low >>> limbBits), low: low & limbMask };
}
