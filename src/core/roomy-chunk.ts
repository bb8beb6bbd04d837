/** Bytes before each chunk on its way out that are nobody's: room for the envelope of a message. */
const chunkHeadroom = 16;

const roomy = new WeakSet<ArrayBufferLike>();

/** Memory for a chunk of so many bytes, with chunkHeadroom bytes before it that its consumer may write to. */
export function roomyChunk(length: number): Buffer {
  const memory = Buffer.allocUnsafeSlow(chunkHeadroom + length);
  roomy.add(memory.buffer);
  return memory.subarray(chunkHeadroom);
}

/** Whether it is such a chunk, or the first bytes of one. */
export function hasHeadroom({ buffer, byteOffset }: Uint8Array): boolean {
  return byteOffset === chunkHeadroom && roomy.has(buffer);
}

/** Gives memory for a chunk of so many bytes. */
export type Allocate = (length: number) => Buffer;

/** The memory of so many chunks in turns: each becomes another one when as many were asked for after it. */
export function chunksInTurns(count: number): Allocate {
  const inUse: Buffer[] = [];
  return (length) => {
    const oldest = inUse.length === count ? inUse.shift() : undefined;
    const chunk = oldest?.length === length ? oldest : roomyChunk(length);
    inUse.push(chunk);
    return chunk;
  };
}
