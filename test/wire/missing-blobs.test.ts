import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Client, ChannelCredentials, type Metadata, type ServiceError } from '@grpc/grpc-js';
import { UpdateReferenceRequest } from '../../src/gen/buildstream/v2/buildstream.ts';
import { Status as StatusMessage } from '../../src/gen/google/rpc/status.ts';
import { directoryBlob } from '../support/trees.ts';
import { startWeir, type Weir } from '../support/weir.ts';
import { type Blob, type Clients, clientsAt, putBatch, randomBlob } from '../support/wire.ts';

/** What gRPC's C core, which BuildStream uses, takes in headers and trailers of one call. */
const metadataOfClients = 8192;

describe('A push of a tree that lacks many blobs', () => {
  let weir: Weir;
  let push: Clients;

  before(async () => {
    weir = await startWeir();
    push = clientsAt(weir.pushAddress);
  });

  after(async () => {
    push.close();
    await weir.stop();
  });

  test('is answered in metadata that every gRPC client takes', async () => {
    const lost = Array.from({ length: 1000 }, (_, index): [string, Blob] => [`${index}`, randomBlob(20)]);
    const root = directoryBlob(Object.fromEntries(lost));
    await putBatch(push, [root]);
    const error = await refusedUpdate(push, root);
    assert.equal(error.code, 9, error.details);
    assert.match(error.details, /is not whole/);
    const details = error.metadata.get('grpc-status-details-bin')[0];
    assert.ok(Buffer.isBuffer(details));
    assert.equal(StatusMessage.decode(details).code, 9);
    assert.ok(wireSize(error.metadata, error.details) < metadataOfClients);
  });
});

async function refusedUpdate({ channel }: Clients, { digest }: Blob): Promise<ServiceError> {
  const client = new Client('unused', ChannelCredentials.createInsecure(), { channelOverride: channel });
  const request = UpdateReferenceRequest.encode({ instanceName: '', keys: ['project/lost/key'], digest });
  return await new Promise((resolve, reject) =>
    client.makeUnaryRequest(
      '/buildstream.v2.ReferenceStorage/UpdateReference',
      (bytes: Uint8Array) => Buffer.from(bytes),
      (bytes) => bytes,
      request.finish(),
      (error) => (error === null ? reject(new Error('the update was taken')) : resolve(error)),
    ),
  );
}

/** As HTTP/2 counts it: names and values, binary ones in base64, and 32 bytes for each. */
function wireSize(metadata: Metadata, message: string): number {
  const entries = Object.entries(metadata.toHttp2Headers()).map(([name, value]) => `${name}${String(value)}`);
  entries.push(`grpc-message${encodeURI(message)}`, 'grpc-status9');
  return entries.reduce((sum, entry) => sum + entry.length + 32, 0);
}
