import { BinaryReader } from '@bufbuild/protobuf/wire';
import type { BlobStore } from '../core/blob-store.ts';
import { CacheError } from '../core/cache-error.ts';
import { type Digest, digestText } from '../core/digest.ts';
import { countEntries, type Shape } from './directory-entries.ts';
import { beyond, treeBounds } from './tree-bounds.ts';

interface MessageType<M> {
  decode(reader: BinaryReader): M;
}

/** A message with the bytes that it was read from. */
export interface StoredMessage<M> {
  readonly message: M;
  readonly bytes: Uint8Array;
}

/**
 * A message that is stored as a blob, verified and within the bounds of a walk. Rejects with 'not-found' as reading
 * does, with 'invalid-argument' when the blob is no such message, and with 'resource-exhausted' past the bounds.
 */
export async function readMessage<M>(
  blobs: Pick<BlobStore, 'readWhole'>,
  digest: Digest,
  type: MessageType<M>,
  shape: Shape,
  name: string,
): Promise<StoredMessage<M>> {
  const bytes = await readBounded(blobs, digest, shape, name);
  return { message: messageIn(bytes, digest, type, name), bytes };
}

/** The bytes of such a blob, which may be something else still; rejects as readMessage() does. */
export async function readBounded(
  blobs: Pick<BlobStore, 'readWhole'>,
  digest: Digest,
  shape: Shape,
  name: string,
): Promise<Uint8Array> {
  if (digest.sizeBytes > treeBounds.directoryBytes) throw beyond(`a directory of ${digest.sizeBytes} bytes`);
  const bytes = await blobs.readWhole(digest);
  const count = orNoMessage(digest, name, () => countEntries(bytes, shape, treeBounds.directoryEntries));
  if (count > treeBounds.directoryEntries)
    throw beyond(`a directory of more than ${treeBounds.directoryEntries} entries`);
  return bytes;
}

/** The message that bytes are; throws 'invalid-argument' when they are none. */
export function messageIn<M>(bytes: Uint8Array, digest: Digest, type: MessageType<M>, name: string): M {
  return orNoMessage(digest, name, () => {
    const reader = new BinaryReader(bytes);
    const message = type.decode(reader);
    // The decoder stops at a zero byte where a field would begin, and calls what came before a message.
    if (reader.pos < bytes.length) throw new Error('the message ends before its bytes do');
    return message;
  });
}

function orNoMessage<T>(digest: Digest, name: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw new CacheError('invalid-argument', `the blob ${digestText(digest)} is not a ${name} message`, {
      cause: error,
    });
  }
}
