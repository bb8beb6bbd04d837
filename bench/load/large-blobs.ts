// What large blobs consist of.
import { randomBytes, randomFillSync } from 'node:crypto';
import { type Blob, blobOf } from '../../test/support/wire.ts';

export const largeBlobBytes = 64 * 1024 ** 2;
/** Of each line that is repeated, so many bytes differ: what zstd makes of it is a fifth, as of most that is built. */
const [lineBytes, changing] = [80, 14];
/** What cannot be compressed differs in so many bytes of so many. */
const [fresh, ofBytes] = [32, 1024 ** 2];

let unrepeated: Buffer | undefined;

/** Random where it counts: making 64 MiB of randomness each time would take longer than sending it. */
export function largeBlob(): Blob {
  unrepeated ??= randomBytes(largeBlobBytes);
  const data = Buffer.from(unrepeated);
  for (let offset = 0; offset < data.length; offset += ofBytes) randomFillSync(data, offset, fresh);
  return blobOf(data);
}

/** One that is worth compressing. */
export function largeText(): Blob {
  const bytes = Buffer.alloc(largeBlobBytes, randomBytes(lineBytes).toString('base64').slice(0, lineBytes));
  const changes = randomBytes((largeBlobBytes / lineBytes) * changing);
  for (let line = 0; line * lineBytes + changing <= bytes.length; line++)
    changes.copy(bytes, line * lineBytes, line * changing, (line + 1) * changing);
  return blobOf(bytes);
}
