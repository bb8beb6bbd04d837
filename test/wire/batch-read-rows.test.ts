// Digests of a BatchReadBlobs that are written as clients write them are looked up as they stand in the request. What is answered must be what
// is answered to the same digests when the generated code reads them, as it does where there is something else among them.
import assert from 'node:assert/strict';
import { stat } from 'node:fs/promises';
import { describe, test } from 'node:test';
import { ChannelCredentials, Client } from '@grpc/grpc-js';
import * as fc from 'fast-check';
import {
  BatchReadBlobsRequest,
  BatchReadBlobsResponse,
  Compressor_Value,
  type Digest,
} from '../../src/gen/build/bazel/remote/execution/v2/remote_execution.ts';
import { eventually } from '../support/eventually.ts';
import { lengthDelimited } from '../support/fuzz-raw.ts';
import { sized } from '../support/promise-size.ts';
import { type Served, served } from '../support/served.ts';
import { blobFile } from '../support/volume-damage.ts';
import { type Blob, blobOf, putBatch, randomBlob } from '../support/wire.ts';

const path = '/build.bazel.remote.execution.v2.ContentAddressableStorage/BatchReadBlobs';
const unknownField = lengthDelimited(77, Buffer.from('something new'));

interface Asked {
  readonly digests: Digest[];
  readonly acceptableCompressors: Compressor_Value[];
  readonly digestFunction: 0 | 1 | 9;
}

/** The answer as it came, or its status. */
async function answer({ pull }: Served, message: Uint8Array): Promise<Buffer | string> {
  const client = new Client('unused', ChannelCredentials.createInsecure(), { channelOverride: pull.channel });
  const identity = (bytes: Buffer) => bytes;
  return await new Promise((resolve) => {
    client.makeUnaryRequest(path, identity, identity, Buffer.from(message), (error, bytes) => {
      resolve(error === null ? (bytes ?? assert.fail()) : `${error.code} ${error.details}`);
    });
  });
}

function inRows({ digests, ...rest }: Asked): Uint8Array {
  return BatchReadBlobsRequest.encode({ instanceName: '', digests, ...rest }).finish();
}

function withSomethingAmong({ digests, ...rest }: Asked): Uint8Array {
  const [first, ...others] = digests;
  const none = { instanceName: '', acceptableCompressors: [], digestFunction: 0 as const };
  return Buffer.concat([
    BatchReadBlobsRequest.encode({ ...none, digests: first === undefined ? [] : [first] }).finish(),
    unknownField,
    BatchReadBlobsRequest.encode({ instanceName: '', digests: others, ...rest }).finish(),
  ]);
}

describe('a batch of digests in rows', () => {
  let site: Served;
  served((it) => (site = it));

  const kept = [1, 100, 127, 128, 1024, 16_384, 65_536].map(randomBlob);
  const late = [3, 500, 70_000].map(randomBlob);
  const absent = [1, 1000].map(randomBlob);
  const all: readonly Blob[] = [...kept, ...late, ...absent, blobOf('')];

  test('is answered as any other is', async () => {
    await putBatch(site.push, kept);
    for (const blob of kept)
      await eventually(
        async () => Date.now() - (await stat(blobFile(site.weir.volume, blob))).ctimeMs > 1500,
      );
    await putBatch(site.push, late);
    const digest = fc
      .tuple(fc.constantFrom(...all), fc.constantFrom(0n, 0n, 0n, 0n, 0n, 1n, -1n))
      .map(
        ([
          {
            digest: { hash, sizeBytes },
          },
          more,
        ]) => ({ hash, sizeBytes: sizeBytes + more }),
      )
      .filter(({ sizeBytes }) => sizeBytes >= 0n);
    const asked = fc.record({
      digests: fc.array(digest, { maxLength: 40 }),
      acceptableCompressors: fc.constantFrom<Compressor_Value[][]>(
        [],
        [],
        [],
        [Compressor_Value.DEFLATE],
        [Compressor_Value.ZSTD],
      ),
      digestFunction: fc.constantFrom(0, 0, 0, 1, 9),
    }) as fc.Arbitrary<Asked>;
    await fc.assert(
      fc.asyncProperty(asked, async (request) => {
        const first = await answer(site, inRows(request));
        assert.deepEqual(first, await answer(site, withSomethingAmong(request)));
        assert.deepEqual(first, await answer(site, inRows(request)));
        if (typeof first === 'string' || request.digestFunction === 9) return;
        const { responses } = BatchReadBlobsResponse.decode(first);
        assert.equal(responses.length, request.digests.length);
        for (const [index, { digest: answered, data, status, compressor }] of responses.entries()) {
          const wanted = request.digests[index];
          assert.deepEqual(answered, wanted);
          const blob = all.find(({ digest: { hash } }) => hash === wanted?.hash);
          const isHere =
            blob !== undefined && !absent.includes(blob) && blob.digest.sizeBytes === wanted?.sizeBytes;
          assert.equal(status?.code, isHere ? 0 : 5);
          if (isHere && compressor === Compressor_Value.IDENTITY)
            assert.deepEqual(Buffer.from(data), Buffer.from(blob.data));
        }
      }),
      { numRuns: sized({ short: 60, long: 1000 }) },
    );
  });

  test('is refused where it is too large, and where its hashes are of another function', async () => {
    const many: Asked = {
      digests: Array.from({ length: 5000 }, () => kept[4]?.digest ?? assert.fail()),
      acceptableCompressors: [],
      digestFunction: 0,
    };
    const refused = await answer(site, inRows(many));
    assert.match(String(refused), /^3 the batch has 5120000 bytes/);
    assert.equal(await answer(site, withSomethingAmong(many)), refused);
    const sha1 = (request: Asked) =>
      BatchReadBlobsRequest.encode({ instanceName: '', ...request, digestFunction: 2 }).finish();
    assert.match(String(await answer(site, sha1(many))), /^3 the hash of the digest is not a SHA-1/);
  });
});
