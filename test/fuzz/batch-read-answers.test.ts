// Answers with many blobs are written by code of ours: the generated code must read in them what they were made of.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import {
  BatchReadBlobsResponse,
  Compressor_Value,
  ContentAddressableStorageDefinition,
} from '../../src/gen/build/bazel/remote/execution/v2/remote_execution.ts';
import type { Any } from '../../src/gen/google/protobuf/any.ts';
import { withBatchReadInOneGo } from '../../src/rpc/batch-read-response.ts';
import { sized } from '../support/promise-size.ts';

const { responseType } = withBatchReadInOneGo(ContentAddressableStorageDefinition).methods.batchReadBlobs;
const { encodeWithRoom } = responseType as {
  encodeWithRoom?: (answer: BatchReadBlobsResponse) => Uint8Array;
};

const sizes = fc.oneof(fc.nat(300), fc.constantFrom(0, 127, 128, 16_383, 16_384, 65_536));
const answers = fc.record({
  responses: fc.array(
    fc.record({
      digest: fc.option(
        fc.record({
          hash: fc.oneof(fc.stringMatching(/^[0-9a-f]{64}$/), fc.stringMatching(/^[0-9a-f]{128}$/)),
          sizeBytes: fc.maxSafeNat().map(BigInt),
        }),
        { nil: undefined },
      ),
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
    }),
    { maxLength: 12 },
  ),
});

test('an answer with many blobs says what it was made of', () => {
  fc.assert(
    fc.property(answers, (answer) => {
      const bytes = encodeWithRoom?.(answer) ?? assert.fail();
      const expected = answer.responses.map(({ status, ...rest }) => ({
        ...rest,
        // What has no error says nothing.
        status: status?.code === 0 ? { ...status, message: '' } : status,
      }));
      const { responses } = BatchReadBlobsResponse.decode(new Uint8Array(bytes));
      assert.deepEqual(structuredClone(responses), structuredClone(expected));
      assert.ok(bytes.byteOffset >= 5);
    }),
    { numRuns: sized({ short: 3000, long: 30_000 }) },
  );
});
