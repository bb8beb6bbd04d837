// Answers with many blobs are written by code of ours: the generated code must read in them what they were made of.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import {
  BatchReadBlobsRequest,
  BatchReadBlobsResponse,
  Compressor_Value,
  ContentAddressableStorageDefinition,
  FindMissingBlobsResponse,
} from '../../src/gen/build/bazel/remote/execution/v2/remote_execution.ts';
import type { Any } from '../../src/gen/google/protobuf/any.ts';
import { answersTo, withBatchReadInOneGo } from '../../src/rpc/batch-read-response.ts';
import { withFindMissingInOneGo } from '../../src/rpc/find-missing-response.ts';
import { scannedRows, withScannedDigests } from '../../src/rpc/scanned-digests.ts';
import { sized } from '../support/promise-size.ts';

const { batchReadBlobs } = withScannedDigests(
  withBatchReadInOneGo(ContentAddressableStorageDefinition),
).methods;
const { findMissingBlobs } = withFindMissingInOneGo(ContentAddressableStorageDefinition).methods;
const batchReadBytes = encoderOf(batchReadBlobs.responseType);
const findMissingBytes = encoderOf(findMissingBlobs.responseType);

function encoderOf(type: object): (answer: object) => Uint8Array {
  const { encodeWithRoom } = type as { encodeWithRoom?: (answer: object) => Uint8Array };
  return (answer) => {
    const bytes = encodeWithRoom?.(answer) ?? assert.fail();
    assert.ok(bytes.byteOffset >= 5);
    return new Uint8Array(bytes);
  };
}

const sizes = fc.oneof(fc.nat(300), fc.constantFrom(0, 127, 128, 16_383, 16_384, 65_536));
const digest = fc.record({
  hash: fc.oneof(fc.stringMatching(/^[0-9a-f]{64}$/), fc.stringMatching(/^[0-9a-f]{128}$/)),
  sizeBytes: fc.oneof(fc.maxSafeNat(), fc.constantFrom(0, 1, 127, 128)).map(BigInt),
});
const responses = fc.record({
  digest: fc.option(digest, { nil: undefined }),
  data: fc.tuple(sizes, fc.nat(255)).map(([length, byte]) => new Uint8Array(length).fill(byte)),
  status: fc.option(
    fc.record({
      code: fc.constantFrom(0, 5, 16),
      message: fc.string({ unit: 'binary' }),
      details: fc.constant<Any[]>([]),
    }),
    { nil: undefined },
  ),
  compressor: fc.constantFrom(Compressor_Value.IDENTITY, Compressor_Value.ZSTD),
});
const answers = fc.record({ responses: fc.array(responses, { maxLength: 12 }) });

test('an answer with many blobs says what it was made of', () => {
  fc.assert(
    fc.property(answers, (answer) => {
      const expected = answer.responses.map(({ status, ...rest }) => ({
        ...rest,
        // What has no error says nothing.
        status: status?.code === 0 ? { ...status, message: '' } : status,
      }));
      const { responses } = BatchReadBlobsResponse.decode(batchReadBytes(answer));
      assert.deepEqual(structuredClone(responses), structuredClone(expected));
    }),
    { numRuns: sized({ short: 3000, long: 30_000 }) },
  );
});

test('an answer to digests in rows is the same, byte by byte', () => {
  const rowDigest = digest.filter(({ hash, sizeBytes }) => hash.length === 64 && sizeBytes < 2n ** 49n);
  const rowResponse = fc.tuple(responses, rowDigest).map(([{ data, status, compressor }, own]) => {
    return { digest: own, data, status, compressor };
  });
  fc.assert(
    fc.property(fc.array(fc.tuple(rowResponse, fc.boolean()), { minLength: 1, maxLength: 12 }), (given) => {
      const digests = given.map(([response]) => response.digest);
      const request = {
        instanceName: 'main',
        digests,
        acceptableCompressors: [],
        digestFunction: 0 as const,
      };
      const encoded = BatchReadBlobsRequest.encode(request).finish();
      const rows = scannedRows(batchReadBlobs.requestType.decode(encoded)) ?? assert.fail();
      const ok = { code: 0, message: '', details: [] };
      const expected = given.map(([response, isPlain]) =>
        isPlain ? { ...response, status: ok, compressor: Compressor_Value.IDENTITY } : response,
      );
      const answers = given.map(([response, isPlain]) => (isPlain ? response.data : response));
      const bytes = batchReadBytes(answersTo(rows, answers));
      assert.deepEqual(bytes, batchReadBytes({ responses: expected }));
    }),
    { numRuns: sized({ short: 3000, long: 30_000 }) },
  );
});

test('an answer with many digests says what it was made of', () => {
  fc.assert(
    fc.property(fc.array(digest, { maxLength: 300 }), (missingBlobDigests) => {
      const decoded = FindMissingBlobsResponse.decode(findMissingBytes({ missingBlobDigests }));
      assert.deepEqual(structuredClone(decoded), structuredClone({ missingBlobDigests }));
    }),
    { numRuns: sized({ short: 1000, long: 10_000 }) },
  );
});
