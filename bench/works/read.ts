import { join } from 'node:path';
import { zstdDecompressSync } from 'node:zlib';
import { ReadRequest } from '../../src/gen/google/bytestream/bytestream.ts';
import { obtainParts } from '../../test/support/real-parts.ts';
import { type Blob, downloadName, read, uploadName, write } from '../../test/support/wire.ts';
import { h2load } from '../load/h2load.ts';
import { largeBlob, largeBlobBytes, largeText } from '../load/large-blobs.ts';
import { type Server, withClients } from '../servers/server.ts';
import type { PreparedWork, Work } from './work.ts';

const unit = { name: 'GiB', perOperation: largeBlobBytes / 1024 ** 3 } as const;
/** Of a large blob compressed, whatever compresses it. Bytes. */
const leastCompressed = 1024 ** 2;

/** One large blob, by four clients at once. */
export const readWorks: readonly Work[] = [
  {
    name: 'read',
    title: 'ByteStream.Read of 64 MiB, plain',
    unit,
    goals: { reference: 1.3, fastest: 1, leastCpu: true },
    isLarge: true,
    prepare: readPlain,
  },
  {
    name: 'read-tls',
    title: 'ByteStream.Read of 64 MiB, TLS of the server',
    unit,
    goals: { reference: 1.3, fastest: 1, leastCpu: true },
    isLarge: true,
    tls: 'server',
    prepare: readPlain,
  },
  {
    name: 'read-nginx',
    title: 'ByteStream.Read of 64 MiB, TLS of nginx before Weir',
    unit,
    goals: { reference: 1.3, fastest: 1, leastCpu: true },
    isLarge: true,
    tls: 'nginx',
    obtain: (say) => obtainParts(['nginx'], say),
    prepare: readPlain,
  },
  {
    name: 'read-zstd',
    title: 'ByteStream.Read of 64 MiB as zstd, of text',
    unit,
    goals: { fastest: 1, fastestOf: ['bazel-remote'] },
    isLarge: true,
    notBy: ['bst-artifact-server'],
    async prepare(server, folder) {
      const blob = largeText();
      const plain = downloadName(blob);
      const resourceName = plain.replace('blobs/', 'compressed-blobs/zstd/');
      return await readOf(server, folder, { blob, resourceName, replyBytes: leastCompressed }, (data) =>
        zstdDecompressSync(data, { maxOutputLength: largeBlobBytes }),
      );
    },
  },
];

async function readPlain(server: Server, folder: string): Promise<PreparedWork> {
  const blob = largeBlob();
  const resourceName = downloadName(blob);
  return await readOf(server, folder, { blob, resourceName, replyBytes: largeBlobBytes }, (data) => data);
}

async function readOf(
  server: Server,
  folder: string,
  { blob, resourceName, replyBytes }: { blob: Blob; resourceName: string; replyBytes: number },
  decoded: (data: Buffer) => Buffer,
): Promise<PreparedWork> {
  await withClients(server.uploads, (clients) => write(clients, uploadName(blob), blob.data, 1024 ** 2));
  const load = await h2load(server.url, join(folder, 'request'), {
    path: '/google.bytestream.ByteStream/Read',
    request: ReadRequest.encode({ resourceName, readOffset: 0n, readLimit: 0n }).finish(),
    replyBytes,
    connections: 4,
    callsPerConnection: 1,
  });
  return {
    load,
    async check() {
      const data = await withClients(server, (clients) => read(clients, resourceName));
      if (!decoded(data).equals(blob.data)) throw new Error('the bytes are not what was stored');
    },
  };
}
