import * as fc from 'fast-check';
import type { WriteRequest } from '../../src/gen/google/bytestream/bytestream.ts';
import type { Blob } from './wire.ts';

/** One message of an upload, told relative to how far the upload is. */
interface Step {
  /** How far its offset is from where it should be. */
  readonly off: number;
  /** Bytes of the blob from there on, or the rest of it when that is less. */
  readonly length: number;
  readonly finish: boolean;
  /** With a wrong byte among them. */
  readonly wrong: boolean;
  readonly name: 'same' | 'none' | 'other';
}

/** One call of Write. */
export interface Attempt {
  readonly blob: number;
  /** Where it begins: at the start, or at what the server has of earlier attempts. */
  readonly from: 'start' | 'committed';
  readonly steps: readonly Step[];
}

function mostly<T>(usual: T, ...others: T[]): fc.Arbitrary<T> {
  return fc.oneof(
    { weight: 12, arbitrary: fc.constant(usual) },
    { weight: 1, arbitrary: fc.constantFrom(...others) },
  );
}

export const attempts: fc.Arbitrary<Attempt> = fc.record({
  blob: fc.nat({ max: 3 }),
  from: fc.constantFrom('start' as const, 'committed' as const),
  steps: fc.array(
    fc.record({
      off: mostly(0, -1, 1, 7, -70_000, 10 ** 9),
      length: fc.constantFrom(0, 1, 1000, 40_000, 70_000, 10 ** 6, 10 ** 6),
      finish: fc.boolean(),
      wrong: mostly(false, true),
      name: fc.constantFrom<Step['name'][]>('same', 'same', 'same', 'same', 'none', 'none', 'none', 'other'),
    }),
    { maxLength: 5 },
  ),
});

/** The messages of an attempt at a blob, of which so many bytes are committed already. */
export function messagesOf(
  { from, steps }: Attempt,
  { data }: Blob,
  names: { own: string; other: string },
  committed: number,
): WriteRequest[] {
  let position = from === 'start' ? 0 : committed;
  return steps.map(({ off, length, finish, wrong, name }, index) => {
    const chunk = Buffer.from(data.subarray(position, position + length));
    if (wrong && chunk.length > 0) chunk[0] = (chunk[0] ?? 0) ^ 1;
    const writeOffset = BigInt(position + off);
    position += chunk.length;
    const resourceName = index === 0 || name === 'same' ? names.own : name === 'none' ? '' : names.other;
    return { resourceName, writeOffset, finishWrite: finish, data: chunk };
  });
}

/** Fewer bytes than this are not kept of an upload that stops. */
const worthKeeping = 64 * 1024;

/** What a server should know of the uploads of one blob under one name. */
export class ModelledUpload {
  kept: Buffer = Buffer.alloc(0);
  complete = false;
  readonly #blob: Blob;
  readonly #name: string;

  constructor(blob: Blob, name: string) {
    this.#blob = blob;
    this.#name = name;
  }

  /** What should come of a call with these messages: `OK <committed size>` or a status. */
  write(messages: readonly WriteRequest[]): string {
    const { data } = this.#blob;
    const [first] = messages;
    if (first === undefined) return 'INVALID_ARGUMENT';
    if (first.writeOffset < 0n) return 'OUT_OF_RANGE';
    if (this.complete) return `OK ${data.length}`;
    if (first.writeOffset !== 0n && first.writeOffset !== BigInt(this.kept.length))
      return 'FAILED_PRECONDITION';
    let bytes: Buffer = Buffer.alloc(0);
    if (first.writeOffset !== 0n) [bytes, this.kept] = [this.kept, bytes];
    for (const { resourceName, writeOffset, finishWrite, data: chunk } of messages) {
      const continues = resourceName === '' || resourceName === this.#name;
      if (!continues || writeOffset !== BigInt(bytes.length)) return 'FAILED_PRECONDITION';
      bytes = Buffer.concat([bytes, chunk]);
      if (bytes.length > data.length) return 'FAILED_PRECONDITION';
      if (!finishWrite) continue;
      this.complete = bytes.equals(data);
      return this.complete ? `OK ${data.length}` : 'FAILED_PRECONDITION';
    }
    if (bytes.length < worthKeeping) return 'OK 0';
    this.kept = bytes;
    return `OK ${bytes.length}`;
  }
}
