import { randomBytes } from 'node:crypto';
import { type Blob, blobOf, putBatch } from '../../test/support/wire.ts';
import { type Server, withClients } from '../servers/server.ts';

/** Well below what every server takes in one message. */
const batch = 500;

/** Different blobs that no server has seen. */
export function newBlobs(count: number, bytes: number): Blob[] {
  return Array.from({ length: count }, () => blobOf(randomBytes(bytes)));
}

/** The same on a server. */
export async function storedBlobs(server: Server, count: number, bytes: number): Promise<Blob[]> {
  const blobs = newBlobs(count, bytes);
  await store(server, blobs);
  return blobs;
}

/** Uploads them, with batches. */
export async function store({ uploads }: Server, blobs: readonly Blob[]): Promise<void> {
  await withClients(uploads, async (clients) => {
    for (let from = 0; from < blobs.length; from += batch)
      await putBatch(clients, blobs.slice(from, from + batch));
  });
}
