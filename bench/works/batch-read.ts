import { join } from 'node:path';
import { BatchReadBlobsRequest } from '../../src/gen/build/bazel/remote/execution/v2/remote_execution.ts';
import type { Blob } from '../../test/support/wire.ts';
import { h2load } from '../load/h2load.ts';
import type { Load } from '../load/load.ts';
import { type NumberedBlobs, numberedBlob } from '../load/numbered-blobs.ts';
import { batchOfBlobs } from '../load/sequence.ts';
import { sequences } from '../load/sequences.ts';
import { dropPageCache, pageCacheFault } from '../page-cache.ts';
import { type Server, withClients } from '../servers/server.ts';
import { store, storedBlobs } from './stored-blobs.ts';
import type { Work } from './work.ts';

const { count, bytes } = batchOfBlobs;
/** Of a cold round: enough for a second of a disk, few enough that a slow one ends in time. */
const coldCalls = 20;
/** Of other blobs, so that the code which reads files is as warm as that of a server that has run for a while. */
const warmUpCalls = 60;
/** One of those: of another size, so another blob. */
const otherBytes = bytes - 8;

/** The same small blobs again and again, and blobs that nobody has read since the machine knows of them. */
export const batchReadWorks: readonly Work[] = [
  {
    name: 'batch-read',
    title: `BatchReadBlobs of ${count} of ${bytes} bytes, hot`,
    unit: { name: 'call', perOperation: 1 },
    goals: { reference: 30, fastest: 1 },
    async prepare(server, folder) {
      const blobs = await storedBlobs(server, count, bytes);
      return { load: await repeated(server, folder, blobs), check: () => checkBlobs(server, blobs) };
    },
  },
  {
    name: 'batch-read-cold',
    title: `BatchReadBlobs of ${count} of ${bytes} bytes, cold`,
    unit: { name: 'call', perOperation: 1 },
    goals: { reference: 3, fastest: 1 },
    obtain: pageCacheFault,
    async prepare(server) {
      const blobs = await storedInOrder(server, { count: count * coldCalls, bytes });
      await storedInOrder(server, { count: count * warmUpCalls, bytes: otherBytes });
      const reading = (calls: number, bytes: number) =>
        sequences(
          {
            address: server.address,
            name: 'batch-read',
            stored: { count: count * calls, bytes },
            connections: 4,
          },
          { fewest: calls, most: calls },
        );
      const warmUp = reading(warmUpCalls, otherBytes);
      return {
        load: reading(coldCalls, bytes),
        check: () => checkBlobs(server, blobs.slice(0, count)),
        async renew() {
          // A server's own memory of blobs ends with it; its code is to be warm all the same.
          await server.end();
          await server.start();
          await warmUp.run(warmUpCalls);
          await dropPageCache();
        },
      };
    },
  },
];

async function storedInOrder(server: Server, { count, bytes }: NumberedBlobs): Promise<Blob[]> {
  const blobs = Array.from({ length: count }, (_, number) => numberedBlob(number, bytes));
  await store(server, blobs);
  return blobs;
}

async function repeated(server: Server, folder: string, blobs: readonly Blob[]): Promise<Load> {
  return await h2load(server.url, join(folder, 'request'), {
    path: '/build.bazel.remote.execution.v2.ContentAddressableStorage/BatchReadBlobs',
    request: BatchReadBlobsRequest.encode(requestFor(blobs)).finish(),
    replyBytes: count * bytes,
    connections: 4,
    callsPerConnection: 2,
  });
}

function requestFor(blobs: readonly Blob[]) {
  return {
    instanceName: '',
    digests: blobs.map(({ digest }) => digest),
    acceptableCompressors: [],
    digestFunction: 0 as const,
  };
}

async function checkBlobs(server: Server, blobs: readonly Blob[]): Promise<void> {
  await withClients(server, async (clients) => {
    const { responses } = await clients.cas.batchReadBlobs(requestFor(blobs));
    const found = new Map(responses.map(({ digest, data }) => [digest?.hash, data]));
    for (const { digest, data } of blobs) {
      if (Buffer.compare(data, found.get(digest.hash) ?? Buffer.alloc(0)) === 0) continue;
      throw new Error(`the bytes of ${digest.hash} are not what was stored`);
    }
  });
}
