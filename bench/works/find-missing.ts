import { join } from 'node:path';
import { FindMissingBlobsRequest } from '../../src/gen/build/bazel/remote/execution/v2/remote_execution.ts';
import { findMissing } from '../../test/support/wire.ts';
import { h2load } from '../load/h2load.ts';
import { withClients } from '../servers/server.ts';
import { newBlobs, storedBlobs } from './stored-blobs.ts';
import type { Work } from './work.ts';

/** A frame's head, and what follows it when nothing is missing: nothing. */
const emptyReply = 5;
/** A digest in an answer: its hash in 64 digits, and more. */
const digestBytes = 66;
const blobBytes = 100;

/** What is asked for, of so many digests at once. 512 is what BuildStream 1 asks for at most, 10,000 what a large tree has. */
export const findMissingWorks: readonly Work[] = [
  findMissingWork(512, 'present', 20),
  findMissingWork(512, 'absent', 5),
  findMissingWork(10_000, 'present', 20),
  findMissingWork(10_000, 'absent', 5),
];

function findMissingWork(count: number, which: 'present' | 'absent', referenceGoal: number): Work {
  const expected = which === 'present' ? 0 : count;
  return {
    name: `find-missing-${count}-${which}`,
    title: `FindMissingBlobs of ${count.toLocaleString('en')}, all ${which}`,
    unit: { name: 'call', perOperation: 1 },
    goals: { reference: referenceGoal, fastest: 1 },
    async prepare(server, folder) {
      const blobs =
        which === 'present' ? await storedBlobs(server, count, blobBytes) : newBlobs(count, blobBytes);
      const digests = blobs.map(({ digest }) => digest);
      const load = await h2load(server.url, join(folder, 'request'), {
        path: '/build.bazel.remote.execution.v2.ContentAddressableStorage/FindMissingBlobs',
        request: FindMissingBlobsRequest.encode({
          instanceName: '',
          blobDigests: digests,
          digestFunction: 0,
        }).finish(),
        replyBytes: emptyReply + expected * digestBytes,
        connections: 4,
        callsPerConnection: 2,
      });
      return {
        load,
        async check() {
          const missing = await withClients(server, (clients) => findMissing(clients, digests));
          if (missing.length !== expected)
            throw new Error(`${missing.length} of ${count} are said to be missing`);
        },
      };
    },
  };
}
