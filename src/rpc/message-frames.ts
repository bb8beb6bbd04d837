const prefixBytes = 5;

/** Follows the messages of a call in its bytes: five bytes before each, of which four are its length. */
export class MessageFrames {
  /** Of the message that is arriving. */
  #left = 0;
  #prefix = Buffer.alloc(prefixBytes);
  #prefixLength = 0;

  /** Whether a part of a message has come, and its rest has not. */
  get isWithin(): boolean {
    return this.#left > 0;
  }

  /** Tells of each message that begins in the chunk. Whether one ends there. */
  take(chunk: Buffer, onBegin: (length: number) => void): boolean {
    let ends = false;
    for (let at = 0; at < chunk.length;) {
      if (this.#left > 0) {
        const count = Math.min(this.#left, chunk.length - at);
        this.#left -= count;
        at += count;
        ends ||= this.#left === 0;
        continue;
      }
      const count = chunk.copy(this.#prefix, this.#prefixLength, at, at + prefixBytes - this.#prefixLength);
      this.#prefixLength += count;
      at += count;
      if (this.#prefixLength < prefixBytes) continue;
      this.#prefixLength = 0;
      this.#left = this.#prefix.readUInt32BE(1);
      onBegin(this.#left);
      ends ||= this.#left === 0;
    }
    return ends;
  }
}
