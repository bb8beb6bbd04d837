import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { FindMissingBlobsRequest } from '../../src/gen/build/bazel/remote/execution/v2/remote_execution.ts';
import { framed, request, sessionTo } from '../support/fuzz-frames.ts';
import { memoryOf } from '../support/fuzz-process.ts';
import { lengthDelimited } from '../support/fuzz-raw.ts';
import { startWeir, type Weir } from '../support/weir.ts';
import { type Clients, clientsAt, findMissing } from '../support/wire.ts';

const MiB = 1024 * 1024;
const cas = '/build.bazel.remote.execution.v2.ContentAddressableStorage';
const actionCache = '/build.bazel.remote.execution.v2.ActionCache';
const [ok, invalidArgument, unimplemented] = [0, 3, 12];

describe('A message that costs the server more than its sender', () => {
  let weir: Weir;
  let pull: Clients;

  before(async () => {
    weir = await startWeir();
    pull = clientsAt(weir.pullAddress);
  });

  after(async () => {
    pull.close();
    await weir.stop();
  });

  test('is refused when it has millions of empty elements', async () => {
    const session = await sessionTo(weir.pushAddress);
    const elements = framed(Buffer.alloc(7 * MiB, Buffer.from([0x12, 0])));
    for (const method of ['FindMissingBlobs', 'BatchReadBlobs', 'BatchUpdateBlobs'])
      assert.equal((await request(session, `${cas}/${method}`, elements)).status, invalidArgument);
    session.destroy();
    assert.ok((await memoryOf(weir.pid, 'most')) < 500 * MiB);
  });

  test('is refused when it is compressed, however many come at once', async () => {
    // One may have 128 calls.
    const [session, another] = [await sessionTo(weir.pullAddress), await sessionTo(weir.pullAddress)];
    const bomb = framed(gzipSync(Buffer.alloc(7 * MiB, Buffer.from([0x12, 0]))), undefined, 1);
    const gzip = { 'grpc-encoding': 'gzip' };
    const calls = [session, another].flatMap((each) =>
      Array.from({ length: 100 }, () => request(each, `${cas}/FindMissingBlobs`, bomb, gzip)),
    );
    for (const { status, message } of await Promise.all(calls)) {
      assert.equal(status, unimplemented);
      assert.match(message, /without grpc-encoding/);
    }
    assert.ok((await memoryOf(weir.pid, 'most')) < 500 * MiB);
    const empty = framed(
      FindMissingBlobsRequest.encode({ instanceName: '', blobDigests: [], digestFunction: 0 }).finish(),
    );
    const plain = await request(session, `${cas}/FindMissingBlobs`, empty, { 'grpc-encoding': 'identity' });
    assert.equal(plain.status, ok);
    for (const each of [session, another]) each.destroy();
  });

  test('is taken when it is honest, as with 100,000 digests', async () => {
    const digests = Array.from({ length: 100_000 }, (_, index) => ({
      hash: index.toString(16).padStart(64, '0'),
      sizeBytes: 1000n,
    }));
    assert.equal((await findMissing(pull, digests)).length, 100_000);
  });

  test('is refused when the millions of empty elements are in a message within it, for pulling too', async () => {
    const results = {
      files: repeated(7 * MiB, [0x12, 0]),
      directories: repeated(7 * MiB, [0x1a, 0]),
      properties: lengthDelimited(2, lengthDelimited(7, repeated(7 * MiB, [0x0a, 0]))),
      metadata: lengthDelimited(9, repeated(7 * MiB, [0x5a, 0])),
    };
    for (const address of [weir.pullAddress, weir.pushAddress]) {
      const session = await sessionTo(address);
      for (const [what, result] of Object.entries(results)) {
        const update = framed(lengthDelimited(3, result));
        const { status } = await request(session, `${actionCache}/UpdateActionResult`, update);
        assert.notEqual(status, ok, what);
        assert.notEqual(status, unimplemented, what);
      }
      session.destroy();
    }
    assert.ok((await memoryOf(weir.pid, 'most')) < 500 * MiB);
  });
});

function repeated(size: number, bytes: number[]): Buffer {
  return Buffer.alloc(size, Buffer.from(bytes));
}
