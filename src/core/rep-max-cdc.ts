import type { Chunker } from './chunker.ts';
import { gearTable } from './gear-table.ts';

/** REAPI's RepMaxCdcParams. */
export interface RepMaxCdcParams {
  /** At least 64. Chunks have from this to less than twice as many bytes. */
  readonly minChunkSizeBytes: number;
  /** How far ahead of the first place for a cut the best one is looked for. */
  readonly horizonSizeBytes: number;
}

/** The Gear hash of a place depends on so many bytes before it: each byte shifts the older ones to the left. */
const windowBytes = 64;

// Three limbs keep the 64 bits of the hash within small integers, which is faster than BigInt by far.
const limbBits = 21;
const limbMask = 0x1fffff;
const highMask = 0x3fffff;
const gearHigh = gearTable.high.map((high) => high >>> 10);
const gearMiddle = gearTable.high.map(
  (high, value) => ((high & 0x3ff) << 11) | ((gearTable.low[value] ?? 0) >>> limbBits),
);
const gearLow = gearTable.low.map((low) => low & limbMask);

/**
 * RepMaxCDC, as buildbarn/go-cdc defines it. A _place_ is a possible cut, counted from the first that leaves a
 * chunk of the minimum size. The best place within the horizon (the highest hash, the first of equals)
 * will be a cut. Where that makes the first chunk too long, the best place at least a
 * minimum size before it will be one too, and so on down to the first chunk.
 *
 * The best of the first n places is the last _record_ among them, so that the records are all that has to
 * be kept. They are few, unless the bytes are made to have many; there is room for no more
 * than the horizon has places.
 */
export class RepMaxCdc implements Chunker {
  readonly #min: number;
  readonly #horizon: number;
  /** Bytes of the blob from the start of the current chunk on. */
  #remaining: number;
  /** Bytes [#start, #end) are what has been taken of the current chunk and those behind it. */
  readonly #bytes: Uint8Array;
  #start = 0;
  #end = 0;
  #scan = new RecordScan();

  constructor(sizeBytes: number, { minChunkSizeBytes, horizonSizeBytes }: RepMaxCdcParams) {
    if (minChunkSizeBytes < windowBytes) throw new RangeError('the minimum chunk size is at least 64');
    this.#min = minChunkSizeBytes;
    this.#horizon = horizonSizeBytes;
    this.#remaining = sizeBytes;
    // Twice of what one decision needs: what is kept is moved to the front once in so many bytes.
    const needed = 2 * (minChunkSizeBytes + horizonSizeBytes);
    this.#bytes = new Uint8Array(Math.min(needed, sizeBytes));
  }

  next(piece: Uint8Array): number[] {
    const lengths: number[] = [];
    for (let at = 0; at < piece.length;) {
      if (this.#end === this.#bytes.length) this.#moveToFront();
      const some = piece.subarray(at, at + this.#bytes.length - this.#end);
      this.#bytes.set(some, this.#end);
      this.#end += some.length;
      at += some.length;
      while (this.#advance(lengths));
    }
    return lengths;
  }

  #moveToFront(): void {
    this.#bytes.copyWithin(0, this.#start, this.#end);
    this.#end -= this.#start;
    this.#start = 0;
  }

  /** Scans what is there and cuts where that is decided; false when more bytes are needed. */
  #advance(lengths: number[]): boolean {
    const min = this.#min;
    const have = this.#end - this.#start;
    // The last chunk too has the minimum size, unless the whole blob is smaller.
    const lastPlace = this.#remaining - 2 * min;
    if (lastPlace < 0) {
      if (this.#remaining === 0 || have < this.#remaining) return false;
      this.#cut(this.#remaining, lengths);
      return false;
    }
    const limit = Math.min(this.#horizon, lastPlace);
    const scan = this.#scan;
    scan.run(this.#bytes, this.#start + min, Math.min(limit, have - min), min);
    const { scanned } = scan;
    const best = scan.records.at(-1);
    if (best === undefined) return false;
    if (scanned === best + min - 1 && scanned < limit) {
      // Whatever comes, the best place is this one or one that makes this one a cut.
      this.#cutAll(lengths);
      this.#scan = scan.behind(best + min);
      return true;
    }
    if (scanned < limit) return false;
    // Later chunks look further than the first one, except where the blob ends.
    if (limit === lastPlace) {
      this.#cutAll(lengths);
      this.#scan = new RecordScan();
    } else {
      this.#cutFirst(lengths);
    }
    return true;
  }

  #cut(length: number, lengths: number[]): void {
    lengths.push(length);
    this.#start += length;
    this.#remaining -= length;
  }

  /** Cuts at the best place and at all that follow from it. */
  #cutAll(lengths: number[]): void {
    let before = 0;
    for (const place of this.#scan.cuts(this.#min)) {
      this.#cut(this.#min + place - before, lengths);
      before = this.#min + place;
    }
  }

  #cutFirst(lengths: number[]): void {
    const first = this.#min + (this.#scan.cuts(this.#min)[0] ?? 0);
    this.#cut(first, lengths);
    this.#scan = this.#scan.reconsidered(this.#bytes, this.#start + this.#min, first);
  }
}

/** Where the hash is higher than at all places before. */
class RecordScan {
  /** Places, in order. */
  records: number[] = [];
  /** The last place whose hash is known; before place 0 the window is filled. */
  scanned = -windowBytes;
  /** The hash there: 22, 21 and 21 bits. */
  #high = 0;
  #middle = 0;
  #low = 0;
  /** The hash at the last record. Before there is one: higher than any. */
  #best = { high: highMask + 1, middle: 0, low: 0 };

  /** Goes on up to place `last`, or until there are `span` places from the latest record on. `at` is where in the bytes place 0 is. */
  run(bytes: Uint8Array, at: number, last: number, span: number): void {
    this.#run(bytes, at, Math.min(last, -1), span);
    // Whatever the hash of place 0 is, it is the best so far.
    if (this.scanned === -1) this.#best.high = -1;
    this.#run(bytes, at, last, span);
  }

  #run(bytes: Uint8Array, at: number, last: number, span: number): void {
    const { records } = this;
    let { high: bestHigh, middle: bestMiddle, low: bestLow } = this.#best;
    let high = this.#high;
    let middle = this.#middle;
    let low = this.#low;
    const latest = records.at(-1);
    let stop = latest === undefined ? last : Math.min(last, latest + span - 1);
    let place = this.scanned + 1;
    for (; place <= stop; place++) {
      const byte = bytes[at + place - 1] as number;
      low = (low << 1) + (gearLow[byte] as number);
      middle = (middle << 1) + (gearMiddle[byte] as number) + (low >>> limbBits);
      high = ((high << 1) + (gearHigh[byte] as number) + (middle >>> limbBits)) & highMask;
      middle &= limbMask;
      low &= limbMask;
      if (high < bestHigh) continue;
      if (high === bestHigh && (middle < bestMiddle || (middle === bestMiddle && low <= bestLow))) continue;
      bestHigh = high;
      bestMiddle = middle;
      bestLow = low;
      records.push(place);
      stop = Math.min(last, place + span - 1);
    }
    this.scanned = place - 1;
    this.#high = high;
    this.#middle = middle;
    this.#low = low;
    this.#best = { high: bestHigh, middle: bestMiddle, low: bestLow };
  }

  /** The best place and those that it makes cuts, in order. */
  cuts(min: number): number[] {
    const { records } = this;
    let place = records.at(-1) ?? 0;
    const cuts = [place];
    for (let index = records.length - 1; place >= min; index--) {
      const record = records[index] ?? 0;
      if (record > place - min) continue;
      place = record;
      cuts.push(place);
    }
    return cuts.toReversed();
  }

  /** The same place in the bytes, where `offset` is place 0 and there are no records yet. */
  behind(offset: number): RecordScan {
    const moved = new RecordScan();
    moved.#goOnLike(this);
    moved.scanned -= offset;
    return moved;
  }

  /** The same, with the records that it has from `offset` on and those that are ones for whoever begins there. */
  reconsidered(bytes: Uint8Array, at: number, offset: number): RecordScan {
    const kept = this.records.filter((place) => place >= offset).map((place) => place - offset);
    const moved = new RecordScan();
    const [firstKept] = kept;
    if (firstKept === undefined) return moved;
    // A record stays one, but places before it may have been none only because of what came earlier.
    moved.run(bytes, at, firstKept - 1, Infinity);
    moved.#goOnLike(this);
    moved.scanned -= offset;
    moved.records.push(...kept);
    return moved;
  }

  #goOnLike(other: RecordScan): void {
    this.scanned = other.scanned;
    this.#high = other.#high;
    this.#middle = other.#middle;
    this.#low = other.#low;
    this.#best = { ...other.#best };
  }
}
