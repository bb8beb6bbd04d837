const nothing = Buffer.alloc(0);
/** What is allocated ahead stays below this: there may be as much for each call. Bytes. */
const mostAhead = 64 * 1024;

/** Whether a part is so much of what was read together that it may keep that from being given back. */
export function isMostOf(part: Uint8Array): boolean {
  return part.length * 2 >= part.buffer.byteLength;
}

/** Bytes that wait, in one piece, whatever pieces they came in. */
export class Backlog {
  #bytes: Buffer = nothing;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  add(part: Buffer): void {
    const length = this.#length + part.length;
    if (this.#length === 0 && isMostOf(part)) this.#bytes = part;
    else if (length <= this.#bytes.length) part.copy(this.#bytes, this.#length);
    else {
      const longer = Buffer.allocUnsafeSlow(Math.max(length, Math.min(2 * length, mostAhead)));
      this.#bytes.copy(longer, 0, 0, this.#length);
      part.copy(longer, this.#length);
      this.#bytes = longer;
    }
    this.#length = length;
  }

  /** All of it; nothing waits then. */
  take(): Buffer {
    const bytes = this.#bytes.subarray(0, this.#length);
    this.#bytes = nothing;
    this.#length = 0;
    return bytes;
  }
}
