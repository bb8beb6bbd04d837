import { join } from 'node:path';
import { BatchReadBlobsRequest } from '../../src/gen/build/bazel/remote/execution/v2/remote_execution.ts';
import type { Blob } from '../../test/support/wire.ts';
import { h2load } from '../load/h2load.ts';
import { batchOfBlobs } from '../load/sequence.ts';
import { type Server, withClients } from '../servers/server.ts';
import { storedBlobs } from './stored-blobs.ts';
import type { Work } from './work.ts';

const { count, bytes } = batchOfBlobs;

/** The same small blobs again and again. */
export const batchRead: Work = {
  name: 'batch-read',
  title: `BatchReadBlobs of ${count} of ${bytes} bytes, hot`,
  unit: { name: 'call', perOperation: 1 },
  goals: { reference: 30, fastest: 1 },
  async prepare(server, folder) {
    const blobs = await storedBlobs(server, count, bytes);
    const load = await h2load(server.url, join(folder, 'request'), {
      path: '/build.bazel.remote.execution.v2.ContentAddressableStorage/BatchReadBlobs',
      request: BatchReadBlobsRequest.encode(requestFor(blobs)).finish(),
      replyBytes: count * bytes,
      connections: 4,
      callsPerConnection: 2,
    });
    return { load, check: () => checkBlobs(server, blobs) };
  },
};

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
