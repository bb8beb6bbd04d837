import { randomBytes } from 'node:crypto';
import { blobOf, findMissing, read, downloadName, uploadName, write } from '../../test/support/wire.ts';
import { hashOnEachCore } from '../load/hashing.ts';
import { largeBlobBytes, largeText } from '../load/large-blobs.ts';
import { compressedUpload } from '../load/large-writes.ts';
import type { SequenceName } from '../load/sequence.ts';
import { sequences } from '../load/sequences.ts';
import { type Server, withClients } from '../servers/server.ts';
import { storedBlobs } from './stored-blobs.ts';
import type { Work } from './work.ts';

const connections = 4;

/** Content that the server has not seen. */
export const uploads: readonly Work[] = [
  {
    name: 'batch-update',
    title: 'BatchUpdateBlobs of 500 of 1024 bytes, new',
    unit: { name: 'call', perOperation: 1 },
    goals: { reference: 10, fastest: 1 },
    prepare: (server) => prepared(server, 'batch-update', checkBatch, 120),
  },
  {
    name: 'batch-update-named',
    title: 'BatchUpdateBlobs of the same, then an UpdateActionResult that leads to them',
    unit: { name: 'sequence', perOperation: 1 },
    // The others acknowledge what a power cut can take.
    goals: { fastest: 1, fastestOf: ['bazel-remote'] },
    notBy: ['bst-artifact-server'],
    prepare: (server) => prepared(server, 'batch-update-named', checkBatch, 120),
  },
  {
    name: 'write',
    title: 'ByteStream.Write of 64 MiB, new',
    unit: { name: 'GiB', perOperation: largeBlobBytes / 1024 ** 3 },
    isLarge: true,
    goals: { fastest: 1 },
    bound: { name: 'SHA-256 on each core', goal: 0.9, measure: hashOnEachCore },
    // Each is kept in memory until it is sent, and on the disk until the end.
    prepare: (server) => prepared(server, 'write', checkWrite, 12),
  },
  {
    name: 'write-zstd',
    title: 'ByteStream.Write of 64 MiB as zstd, of text, new',
    // Of what the blobs are, not of what travels.
    unit: { name: 'GiB', perOperation: largeBlobBytes / 1024 ** 3 },
    isLarge: true,
    goals: { fastest: 1, fastestOf: ['bazel-remote'] },
    notBy: ['bst-artifact-server'],
    prepare: (server) => prepared(server, 'write-zstd', checkZstdWrite, 12),
  },
];

async function prepared(
  server: Server,
  name: SequenceName,
  check: (server: Server) => Promise<void>,
  most: number,
) {
  const load = sequences({ address: server.address, name, connections }, { fewest: connections, most });
  return { load, check: () => check(server) };
}

async function checkBatch(server: Server): Promise<void> {
  const blobs = await storedBlobs(server, 500, 1024);
  const digests = blobs.map(({ digest }) => digest);
  const missing = await withClients(server, (clients) => findMissing(clients, digests));
  if (missing.length > 0) throw new Error(`${missing.length} blobs are missing that were uploaded`);
}

async function checkWrite(server: Server): Promise<void> {
  const blob = blobOf(randomBytes(1024 ** 2));
  await withClients(server, async (clients) => {
    await write(clients, uploadName(blob), blob.data);
    const data = await read(clients, downloadName(blob));
    if (!data.equals(blob.data)) throw new Error('the bytes are not what was stored');
  });
}

async function checkZstdWrite(server: Server): Promise<void> {
  const blob = largeText();
  const { resourceName, data } = compressedUpload(blob);
  await withClients(server, async (clients) => {
    await write(clients, resourceName, data, 1024 ** 2);
    const found = await read(clients, downloadName(blob));
    if (!found.equals(blob.data)) throw new Error('the bytes are not what was compressed');
  });
}
