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
  if (digest.sizeBytes > treeBounds.directoryBytes) throw beyond(`a directory of ${digest.sizeBytes} bytes`);
  const bytes = await blobs.readWhole(digest);
  try {
    if (countEntries(bytes, shape, treeBounds.directoryEntries) > treeBounds.directoryEntries)
      throw beyond(`a directory of more than ${treeBounds.directoryEntries} entries`);
    const reader = new BinaryReader(bytes);
    const message = type.decode(reader);
    // The decoder stops at a zero byte where a field would begin, and calls what came before a message.
    if (reader.pos < bytes.length) throw new Error('the message ends before its bytes do');
    return { message, bytes };
  } catch (error) {
    if (error instanceof CacheError) throw error;
    throw new CacheError('invalid-argument', `the blob ${digestText(digest)} is not a ${name} message`, {
      cause: error,
    });
  }
}
