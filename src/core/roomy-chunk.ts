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

/** Chunks of large readings that have ended, for the next ones. Bytes of each, and how many. */
const [keptBytes, mostKept] = [1024 * 1024, 16];
const kept: Buffer[] = [];

/** The memory of chunks in turns. */
export interface ChunkTurns {
  readonly allocate: Allocate;
  /** All but the last of them are nobody's any more. */
  readonly end: () => void;
}

/** The memory of so many chunks in turns: each becomes another one when as many were asked for after it. */
export function chunksInTurns(count: number): ChunkTurns {
  const inUse: Buffer[] = [];
  return {
    allocate(length) {
      const oldest = inUse.length === count ? inUse.shift() : undefined;
      const used = oldest?.length === length ? oldest : length === keptBytes ? kept.pop() : undefined;
      const chunk = used ?? roomyChunk(length);
      inUse.push(chunk);
      return chunk;
    },
    end() {
      for (const chunk of inUse.splice(0).slice(0, -1))
        if (chunk.length === keptBytes && kept.length < mostKept) kept.push(chunk);
    },
  };
}
