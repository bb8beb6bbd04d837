const prefixBytes = 5;

/** A message of which some has come. */
interface Arriving {
  readonly length: number;
  received: number;
}

/** What a chunk of a call had in it. */
export interface ChunkContents {
  /** How many messages began in it. */
  readonly begun: number;
  /** Whether a message ended in it. */
  readonly ended: boolean;
}

/** Follows the messages of a call in its bytes: five bytes before each, of which four are its length. */
export class MessageFrames {
  #arriving: Arriving | undefined;
  readonly #prefix = Buffer.alloc(prefixBytes);
  #prefixLength = 0;

  /** The message of which a part has come, and its rest has not. */
  get arriving(): Readonly<Arriving> | undefined {
    return this.#arriving;
  }

  take(chunk: Buffer): ChunkContents {
    let begun = 0;
    let ended = false;
    for (let at = 0; at < chunk.length;) {
      if (this.#arriving === undefined) {
        at += this.#takePrefix(chunk, at);
        if (this.#prefixLength < prefixBytes) break;
        this.#prefixLength = 0;
        this.#arriving = { length: this.#prefix.readUInt32BE(1), received: 0 };
        begun++;
      }
      const { length, received } = this.#arriving;
      const count = Math.min(length - received, chunk.length - at);
      at += count;
      this.#arriving.received += count;
      if (received + count < length) continue;
      this.#arriving = undefined;
      ended = true;
    }
    return { begun, ended };
  }

  #takePrefix(chunk: Buffer, at: number): number {
    const count = chunk.copy(this.#prefix, this.#prefixLength, at, at + prefixBytes - this.#prefixLength);
    this.#prefixLength += count;
    return count;
  }
}
