// Blobs that a number stands for, so that who stores them and who asks for them need not tell each other what they are.
import { type Blob, blobOf } from '../../test/support/wire.ts';

/** A group of them: from number 0 on, each of so many bytes, 8 at least. */
export interface NumberedBlobs {
  readonly count: number;
  readonly bytes: number;
}

export function numberedBlob(number: number, bytes: number): Blob {
  const data = Buffer.alloc(bytes, 'blob ');
  data.writeDoubleBE(number);
  return blobOf(data);
}

/** A prime, so that with it one comes by all of any other number before one is met again. */
const step = 7919;

/** So many of a group for the call with that index: with each call others, from everywhere in the group. */
export function drawn({ count, bytes }: NumberedBlobs, call: number, perCall: number): Blob[] {
  return Array.from({ length: perCall }, (_, index) =>
    numberedBlob(((call * perCall + index) * step) % count, bytes),
  );
}
