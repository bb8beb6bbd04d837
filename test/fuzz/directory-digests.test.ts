// Directories on a walk are read by code of ours where they are written as clients write them: it must see what the generated code sees.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BinaryReader } from '@bufbuild/protobuf/wire';
import * as fc from 'fast-check';
import { Directory } from '../../src/gen/build/bazel/remote/execution/v2/remote_execution.ts';
import { digestsIn, scannedDigests } from '../../src/store/directory-digests.ts';
import { sized } from '../support/promise-size.ts';
import { sampleTree } from '../support/trees.ts';

const hash = fc.oneof(
  { weight: 200, arbitrary: fc.stringMatching(/^[0-9a-f]{64}$/) },
  fc.stringMatching(/^[0-9a-f]{40}$/),
  fc.stringMatching(/^[0-9A-F]{64}$/),
  fc.string({ unit: 'binary', minLength: 60, maxLength: 70 }),
  fc.constant(''),
);
const sizeBytes = fc.oneof(
  { weight: 100, arbitrary: fc.nat().map(BigInt) },
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  fc.constantFrom(0n, 127n, 128n, 2n ** 49n - 1n, 2n ** 49n, 2n ** 53n, -1n),
);
const digest = fc.oneof(
  { weight: 100, arbitrary: fc.record({ hash, sizeBytes }) },
  fc.constant<undefined>(undefined),
);
const name = fc.oneof(
  { weight: 100, arbitrary: fc.string() },
  fc.string({ unit: 'binary', minLength: 120, maxLength: 140 }),
);
const nodeProperties = fc.oneof(
  { weight: 100, arbitrary: fc.constant<undefined>(undefined) },
  fc.record({
    properties: fc.array(fc.record({ name, value: name }), { maxLength: 2 }),
    mtime: fc.constant<undefined>(undefined),
    unixMode: fc.constantFrom(undefined, 0o644),
  }),
);
const directories = fc
  .record({
    files: fc.array(fc.record({ name, digest, isExecutable: fc.boolean(), nodeProperties }), {
      maxLength: 4,
    }),
    directories: fc.array(fc.record({ name, digest }), { maxLength: 4 }),
    symlinks: fc.array(fc.record({ name, target: name, nodeProperties }), { maxLength: 2 }),
    nodeProperties,
  })
  .map((message) => Directory.encode(message).finish());
/** Valid ones, one behind the other (which are one message too), cut, or with some bytes changed. */
const messages = fc
  .record({
    parts: fc.array(directories, { minLength: 1, maxLength: 3 }),
    cut: fc.constantFrom(0, 0, 0, 1, 2, 30),
    changes: fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 })), { maxLength: 2 }),
  })
  .map(({ parts, cut, changes }) => {
    const bytes = Buffer.concat(parts);
    for (const [at, byte] of changes) if (bytes.length > 0) bytes[at % bytes.length] = byte;
    return bytes.subarray(0, bytes.length - Math.min(cut, bytes.length));
  });

test('directories lead to what the generated code makes of them', () => {
  let scannedOnes = 0;
  fc.assert(
    fc.property(messages, fc.constantFrom('sha256', 'blake3', 'sha1'), (bytes, digestFunction) => {
      const scanned = scannedDigests(bytes, digestFunction);
      if (scanned === undefined) return;
      scannedOnes++;
      const reader = new BinaryReader(bytes);
      const message = Directory.decode(reader);
      assert.equal(reader.pos, bytes.length);
      assert.deepEqual(scanned, digestsIn(message, digestFunction));
    }),
    { numRuns: sized({ short: 20_000, long: 200_000 }) },
  );
  assert.ok(scannedOnes > 1000, `only ${scannedOnes} were written as clients write them`);
});

test('directories of clients are written as clients write them', () => {
  for (const { data } of sampleTree().directories)
    assert.notEqual(scannedDigests(Buffer.from(data), 'sha256'), undefined);
});
