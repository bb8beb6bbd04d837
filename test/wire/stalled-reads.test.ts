import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type ClientHttp2Session, connect } from 'node:http2';
import { after, before, describe, test } from 'node:test';
import { ReadRequest } from '../../src/gen/google/bytestream/bytestream.ts';
import { eventually } from '../support/eventually.ts';
import { memoryOf, openDescriptors } from '../support/fuzz-process.ts';
import { startWeir, type Weir } from '../support/weir.ts';
import {
  type Blob,
  type Clients,
  clientsAt,
  downloadName,
  randomBlob,
  uploadName,
  write,
} from '../support/wire.ts';

const MiB = 1024 * 1024;
const readers = 60;
/** One message on its way, one that waits, one read ahead, and what surrounds them. */
const mostForOne = 8 * MiB;

describe('Readers who do not read', () => {
  let weir: Weir;
  let push: Clients;
  let session: ClientHttp2Session;

  before(async () => {
    weir = await startWeir({ tcp: true });
    push = clientsAt(weir.pushAddress);
    session = connect(`http://${weir.pullAddress}`);
    await once(session, 'connect');
  });

  after(async () => {
    session.destroy();
    push.close();
    await weir.stop();
  });

  test('cost a few messages each, and nothing once they are gone', async () => {
    const blob = randomBlob(40 * MiB);
    await write(push, uploadName(blob), blob.data, MiB);
    const [memory, descriptors] = [await memoryOf(weir.pid), await openDescriptors(weir.pid)];
    await Promise.all(Array.from({ length: readers }, () => stalledRead(session, blob)));
    // All of them stand still once the first window is full: then nothing changes any more.
    await eventually(async () => {
      const before = await memoryOf(weir.pid);
      await new Promise((resolve) => setTimeout(resolve, 500));
      return Math.abs((await memoryOf(weir.pid)) - before) < MiB;
    });
    const each = ((await memoryOf(weir.pid)) - memory) / readers;
    assert.ok(each < mostForOne, `a stalled reader holds ${Math.round(each / MiB)} MiB`);

    session.destroy();
    await eventually(async () => (await openDescriptors(weir.pid)) <= descriptors);
  });
});

async function stalledRead(session: ClientHttp2Session, blob: Blob): Promise<void> {
  const stream = session.request({
    ':method': 'POST',
    ':path': '/google.bytestream.ByteStream/Read',
    'content-type': 'application/grpc',
    te: 'trailers',
  });
  stream.on('error', () => {});
  stream.end(readRequest(blob));
  await once(stream, 'response');
  stream.pause();
}

function readRequest(blob: Blob): Buffer {
  const message = ReadRequest.encode({ resourceName: downloadName(blob), readOffset: 0n, readLimit: 0n });
  const bytes = message.finish();
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(bytes.length, 1);
  return Buffer.concat([prefix, bytes]);
}
