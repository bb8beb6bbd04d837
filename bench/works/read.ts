import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { ReadRequest } from '../../src/gen/google/bytestream/bytestream.ts';
import { blobOf, downloadName, read, uploadName, write } from '../../test/support/wire.ts';
import { h2load } from '../load/h2load.ts';
import { largeBlobBytes } from '../load/sequence.ts';
import { withClients } from '../servers/server.ts';
import type { Work } from './work.ts';

/** One large blob, by four clients at once. */
export const readLarge: Work = {
  name: 'read',
  title: 'ByteStream.Read of 64 MiB, plain',
  unit: { name: 'GiB', perOperation: largeBlobBytes / 1024 ** 3 },
  goals: { reference: 1.3, fastest: 1 },
  async prepare(server, folder) {
    const blob = blobOf(randomBytes(largeBlobBytes));
    await withClients(server, (clients) => write(clients, uploadName(blob), blob.data, 1024 ** 2));
    const resourceName = downloadName(blob);
    const load = await h2load(server.address, join(folder, 'request'), {
      path: '/google.bytestream.ByteStream/Read',
      request: ReadRequest.encode({ resourceName, readOffset: 0n, readLimit: 0n }).finish(),
      replyBytes: largeBlobBytes,
      connections: 4,
      callsPerConnection: 1,
    });
    return {
      load,
      async check() {
        const data = await withClients(server, (clients) => read(clients, resourceName));
        if (!data.equals(blob.data)) throw new Error('the bytes are not what was stored');
      },
    };
  },
};
