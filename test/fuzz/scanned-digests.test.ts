// Requests for many digests are read by code of ours where they are written as clients write them: it must see what the generated code sees.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import * as fc from 'fast-check';
import {
  BatchReadBlobsRequest,
  BatchReadBlobsResponse_Response,
  Compressor_Value,
  ContentAddressableStorageDefinition,
  type Digest,
  FindMissingBlobsRequest,
} from '../../src/gen/build/bazel/remote/execution/v2/remote_execution.ts';
import { type DigestRows, hashBytes } from '../../src/core/packed-digests.ts';
import { digestsOf, scannedRows, withScannedDigests } from '../../src/rpc/scanned-digests.ts';
import { sized } from '../support/promise-size.ts';

const { findMissingBlobs, batchReadBlobs } = withScannedDigests(ContentAddressableStorageDefinition).methods;
const types = [
  { scanned: findMissingBlobs.requestType, generated: FindMissingBlobsRequest },
  { scanned: batchReadBlobs.requestType, generated: BatchReadBlobsRequest },
] as const;

const hash = fc.oneof(
  { weight: 8, arbitrary: fc.stringMatching(/^[0-9a-f]{64}$/) },
  { weight: 2, arbitrary: fc.stringMatching(/^[0-9a-f]{40}$/) },
  fc.string(),
  fc.string({ unit: 'binary', minLength: 60, maxLength: 70 }),
  fc.constant(''),
);
const size = fc.oneof(
  fc.nat().map(BigInt),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  fc.constantFrom(0n, 1n, 127n, 128n, 2n ** 49n - 1n, 2n ** 49n, 2n ** 53n, -1n),
);
const digests = fc.array(fc.record({ hash, sizeBytes: size }), { maxLength: 20 });
const instanceName = fc.oneof(fc.constantFrom('', 'main'), fc.string({ minLength: 120, maxLength: 140 }));
const digestFunction = fc.constantFrom(0, 1, 9);
const requests = fc.oneof(
  fc
    .record({ instanceName, blobDigests: digests, digestFunction })
    .map((request) => FindMissingBlobsRequest.encode(request).finish()),
  fc
    .record({
      instanceName,
      digests,
      acceptableCompressors: fc.constantFrom<Compressor_Value[][]>([], [Compressor_Value.ZSTD]),
      digestFunction,
    })
    .map((request) => BatchReadBlobsRequest.encode(request).finish()),
);
/** Valid ones, one behind the other (which are one message too), cut, or with some bytes changed. */
const messages = fc
  .record({
    parts: fc.array(requests, { minLength: 1, maxLength: 3 }),
    cut: fc.constantFrom(0, 0, 0, 1, 2, 30),
    changes: fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 })), { maxLength: 2 }),
  })
  .map(({ parts, cut, changes }) => {
    const bytes = Buffer.concat(parts);
    for (const [at, byte] of changes) if (bytes.length > 0) bytes[at % bytes.length] = byte;
    return bytes.subarray(0, bytes.length - Math.min(cut, bytes.length));
  });

test('requests for many digests mean what the generated code makes of them', () => {
  fc.assert(
    fc.property(messages, fc.constantFrom(...types), (bytes, { scanned, generated }) => {
      assert.deepEqual(outcome(scanned, bytes), outcome(generated, bytes));
    }),
    { numRuns: sized({ short: 20_000, long: 200_000 }) },
  );
});

test('as many digests as fit into the longest message are understood', () => {
  const all = Array.from({ length: 190_000 }, (_, index) => ({
    hash: index.toString(16).padStart(40, '0'),
    sizeBytes: 0n,
  }));
  for (const { scanned, generated } of types) {
    const request = { instanceName: '', digestFunction: 0 as const };
    const bytes =
      generated === BatchReadBlobsRequest
        ? BatchReadBlobsRequest.encode({ ...request, digests: all, acceptableCompressors: [] }).finish()
        : FindMissingBlobsRequest.encode({ ...request, blobDigests: all }).finish();
    // What differs would be too much to show.
    assert.ok(isDeepStrictEqual(outcome(scanned, bytes), outcome(generated, bytes)));
  }
});

/** The message, or that it is none. */
function outcome(type: { decode(bytes: Uint8Array): unknown }, bytes: Uint8Array): unknown {
  try {
    const request = type.decode(bytes) as FindMissingBlobsRequest | BatchReadBlobsRequest;
    const rows = scannedRows(request);
    if (rows !== undefined) {
      const list: Digest[] = 'digests' in request ? request.digests : request.blobDigests;
      assert.equal(list.length, 0);
      list.push(...digestsOf(rows));
      assertHashes(rows);
      assertFields(rows);
    }
    return withoutMarks(request);
  } catch (error) {
    if (error instanceof assert.AssertionError) throw error;
    return 'no message';
  }
}

function assertHashes(rows: DigestRows): void {
  for (let index = 0; index < rows.length; index++) {
    const hash = Buffer.from(rows.hashes.subarray(index * hashBytes, (index + 1) * hashBytes));
    assert.equal(hash.toString('hex'), rows.hash(index));
  }
}

/** Rows that are given back, as the only field of a response and behind others. */
function assertFields(rows: DigestRows): void {
  const digestTag = 0x0a;
  for (let index = 0; index < rows.length; index++) {
    const bytes = Buffer.alloc(3 + rows.fieldLength(index), 0xff);
    assert.equal(rows.writeField(index, digestTag, bytes, 2), bytes.length - 1);
    const { digest } = BatchReadBlobsResponse_Response.decode(bytes.subarray(2, -1));
    assert.deepEqual(
      [digest?.hash, digest?.sizeBytes],
      [rows.hash(index), BigInt(rows.sizes[index] ?? assert.fail())],
    );
    assert.deepEqual([...bytes.subarray(0, 2), bytes.at(-1)], [0xff, 0xff, 0xff]);
  }
}

function withoutMarks(request: unknown): unknown {
  return JSON.parse(
    JSON.stringify(request, (key, value: unknown) => {
      if (key === 'isLowerHex') return undefined;
      return typeof value === 'bigint' ? String(value) : value;
    }),
  );
}
