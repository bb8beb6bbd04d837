import { wideWindowBytes } from './limits.ts';

const nothing = Buffer.alloc(0);
/** What is allocated ahead stays below this where the client may not send more: there may be as much for each call. Bytes. */
const mostAhead = 64 * 1024;

/** Bytes that wait, in one piece, whatever pieces they came in. */
export class Backlog {
  #memory: Buffer = nothing;
  #start = 0;
  #end = 0;

  get length(): number {
    return this.#end - this.#start;
  }

  /** All of it, until something is added. */
  get bytes(): Buffer {
    return this.#memory.subarray(this.#start, this.#end);
  }

  /** A copy of the part waits. */
  add(part: Buffer): void {
    if (this.#end + part.length > this.#memory.length) this.#makeRoom(this.length + part.length);
    this.#end += part.copy(this.#memory, this.#end);
  }

  /** So many of the bytes wait no more. */
  taken(count: number): void {
    this.#start += count;
    if (this.length > 0) return;
    // A client that may send much ahead does so again and again.
    if (this.#memory.length <= mostAhead) this.#memory = nothing;
    this.#start = this.#end = 0;
  }

  clear(): void {
    this.#memory = nothing;
    this.#start = this.#end = 0;
  }

  #makeRoom(length: number): void {
    const { bytes } = this;
    if (length > this.#memory.length) {
      const ahead = length > mostAhead ? wideWindowBytes : Math.min(2 * length, mostAhead);
      this.#memory = Buffer.allocUnsafeSlow(Math.max(length, ahead));
    }
    // Node's copy() minds parts that overlap.
    bytes.copy(this.#memory);
    this.#start = 0;
    this.#end = bytes.length;
  }
}
