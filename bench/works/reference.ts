import { join } from 'node:path';
import { GetReferenceRequest } from '../../src/gen/buildstream/v2/buildstream.ts';
import { directoryBlob } from '../../test/support/trees.ts';
import { type Blob, putBatch } from '../../test/support/wire.ts';
import { h2load } from '../load/h2load.ts';
import { once } from '../load/load.ts';
import { type Server, withClients } from '../servers/server.ts';
import { storedBlobs } from './stored-blobs.ts';
import type { Work } from './work.ts';

const [folders, filesOfEach] = [500, 100];
const key = 'project/element/0123456789';
/** Of a digest in an answer. Bytes. */
const digestBytes = 66;
const directoriesOfBatch = 50;
const notBy = ['buildbox-casd', 'bazel-remote', 'bb-storage'];

/** What BuildStream 1 asks before it pulls; whoever answers has to see that all of the tree is there. */
export const getReferenceWorks: readonly Work[] = [
  {
    name: 'get-reference',
    title: 'GetReference of a tree of 50,000 files, repeated',
    unit: { name: 'call', perOperation: 1 },
    goals: { reference: 100 },
    notBy,
    async prepare(server, folder) {
      const check = await storedTree(server);
      const load = await h2load(server.url, join(folder, 'request'), {
        path: '/buildstream.v2.ReferenceStorage/GetReference',
        request: GetReferenceRequest.encode({ instanceName: '', key }).finish(),
        replyBytes: digestBytes,
        connections: 2,
        callsPerConnection: 1,
      });
      return { load, check };
    },
  },
  {
    name: 'get-reference-first',
    title: 'GetReference of 50,000 files, first after a start',
    unit: { name: 'run', perOperation: 1 },
    goals: { reference: 3 },
    notBy,
    async prepare(server) {
      const check = await storedTree(server);
      return {
        load: once(check),
        check,
        async renew() {
          await server.end();
          await server.start();
        },
      };
    },
  },
];

/** Stores one, with a reference to it; what it resolves with asks for the reference and looks at the answer. */
async function storedTree(server: Server): Promise<() => Promise<void>> {
  const files = await storedBlobs(server, folders * filesOfEach, 40);
  const directories = Array.from({ length: folders }, (_, index) =>
    directoryBlob(named('file', files.slice(index * filesOfEach, (index + 1) * filesOfEach))),
  );
  const root = directoryBlob({}, named('folder', directories));
  await withClients(server, async (clients) => {
    const blobs = [...directories, root];
    for (let from = 0; from < blobs.length; from += directoriesOfBatch)
      await putBatch(clients, blobs.slice(from, from + directoriesOfBatch));
    await clients.references.updateReference({ instanceName: '', keys: [key], digest: root.digest });
  });
  return async () => {
    const { digest } = await withClients(server, (clients) =>
      clients.references.getReference({ instanceName: '', key }),
    );
    if (digest?.hash !== root.digest.hash) throw new Error('the reference leads elsewhere');
  };
}

function named(prefix: string, blobs: readonly Blob[]): Record<string, Blob> {
  return Object.fromEntries(
    blobs.map((blob, index) => [`${prefix} ${String(index).padStart(3, '0')}`, blob]),
  );
}
