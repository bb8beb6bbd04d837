import { CacheError } from '../core/cache-error.ts';
import { type Digest, digestText } from '../core/digest.ts';
import { hashOf, newHasher } from '../store/hashing.ts';

/** The bytes as they come; the last of them only when all are known to be right. Rejects with 'not-found' when they are not. */
export async function* verifiedBytes(
  digest: Digest,
  bytes: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  const hasher = await newHasher(digest.digestFunction);
  let held: Uint8Array | undefined;
  let count = 0;
  for await (const chunk of bytes) {
    if (held !== undefined) yield held;
    count += chunk.length;
    hasher.update(chunk);
    held = chunk;
    if (count > digest.sizeBytes) throw wrong(digest);
  }
  if (count !== digest.sizeBytes || hasher.digest('hex') !== digest.hash) throw wrong(digest);
  if (held !== undefined) yield held;
}

/** Whether these bytes are the blob. */
export function areBytesOf({ digestFunction, hash, sizeBytes }: Digest, bytes: Uint8Array): boolean {
  return bytes.length === sizeBytes && hashOf(digestFunction, bytes) === hash;
}

function wrong(digest: Digest): CacheError {
  return new CacheError('not-found', `the blob ${digestText(digest)} is damaged at the source`);
}
