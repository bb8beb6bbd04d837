import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, test } from 'node:test';
import * as fc from 'fast-check';
import { FastCdc } from '../../src/core/fast-cdc.ts';
import { RepMaxCdc } from '../../src/core/rep-max-cdc.ts';
import { chunkLengths, xorshiftBytes } from '../support/chunking-samples.ts';
import { tries } from '../support/fuzz-settings.ts';

/** Random bytes, of many values or of few: of few, places look alike and hashes are equal. */
const inputs = (maxLength: number) =>
  fc
    .record({
      seed: fc.integer({ min: 1, max: 0x7fffffff }),
      size: fc.nat({ max: maxLength }),
      mask: fc.constantFrom(255, 255, 3, 1, 0),
    })
    .map(({ seed, size, mask }) => xorshiftBytes(seed, size).map((byte) => byte & mask));
const pieces = fc.array(fc.integer({ min: 1, max: 3000 }), { maxLength: 20 });

const gear = Array.from({ length: 256 }, (_, value) =>
  createHash('md5').update(Buffer.alloc(64, value)).digest().readBigUInt64BE(0),
);
const roll = (hash: bigint, byte: number, seed = 0n) =>
  BigInt.asUintN(64, (hash << 1n) + ((gear[byte] ?? 0n) ^ seed));

describe('FastCDC 2020', () => {
  const small = { avgChunkSizeBytes: 1024, seed: 0 };

  // Lengths from the Rust crate fastcdc 3.2.1 (v2020, Level2), which the API names. Against the vectors that the
  // API publishes for a picture, with seeds 0 and 666, this implementation was checked once.
  const vectors: [avgChunkSizeBytes: number, seed: number, bytes: Uint8Array, lengths: number[]][] = [
    [
      1024,
      0,
      xorshiftBytes(2463534242, 20_001),
      [1471, 1071, 1248, 580, 1078, 1127, 1081, 1209, 1144, 1627, 1161, 1275, 1712, 668, 1275, 1176, 1098],
    ],
    [
      1024,
      666,
      xorshiftBytes(2463534242, 20_000),
      [667, 1598, 1349, 1252, 1124, 1389, 1358, 1417, 1015, 1882, 1254, 1409, 1161, 1084, 1400, 641],
    ],
    [
      65_536,
      12_345,
      xorshiftBytes(2463534242, 500_000),
      [62060, 79437, 70607, 71398, 67126, 19154, 79618, 36803, 13797],
    ],
    [
      524_288,
      0,
      xorshiftBytes(2463534242, 6_000_001),
      [707869, 606504, 613882, 594098, 580220, 732405, 600218, 663816, 595788, 305201],
    ],
    [
      524_288,
      4_294_967_295,
      xorshiftBytes(2463534242, 6_000_001),
      [546298, 605835, 709823, 766653, 388090, 599228, 564816, 617309, 621300, 580649],
    ],
    [
      1_048_576,
      0,
      xorshiftBytes(2463534242, 9_000_001),
      [1314373, 1207980, 1312625, 1264034, 1115706, 1524198, 1109856, 151229],
    ],
    [524_288, 0, new Uint8Array(9_000_001), [2097152, 2097152, 2097152, 2097152, 611393]],
    // The last byte of an odd number is not looked at.
    [1024, 0, xorshiftBytes(99, 1813), [1813]],
    [1024, 0, xorshiftBytes(99, 1814), [1812, 2]],
    [1024, 0, xorshiftBytes(2463534242, 1472), [1471, 1]],
  ];
  for (const [avgChunkSizeBytes, seed, bytes, expected] of vectors) {
    test(`cuts ${bytes.length} bytes where others cut them (average ${avgChunkSizeBytes}, seed ${seed})`, () => {
      const chunker = new FastCdc(bytes.length, { avgChunkSizeBytes, seed });
      assert.deepEqual(chunkLengths(chunker, bytes), expected);
    });
  }

  /** The paper's definition, a byte at a time, with the masks of an average of 1 KiB. */
  function plainly(bytes: Uint8Array, seed: bigint): number[] {
    const lengths: number[] = [];
    for (let start = 0; start < bytes.length;) {
      const end = Math.min(bytes.length - start, 4096);
      let length = end;
      let hash = 0n;
      for (let at = 256; at < end - (end % 2); at++) {
        hash = roll(hash, bytes[start + at] ?? 0, seed);
        if ((hash & (at < 1024 ? 0xd90103530000n : 0x1800035300n)) !== 0n) continue;
        length = at;
        break;
      }
      lengths.push(length);
      start += length;
    }
    return lengths;
  }

  test('cuts as the definition says, whatever the pieces', () => {
    const seeds = fc.constantFrom(0, 1, 666, 0xffffffff);
    fc.assert(
      fc.property(inputs(20_000), pieces, seeds, (bytes, sizes, seed) => {
        const chunker = new FastCdc(bytes.length, { ...small, seed });
        assert.deepEqual(chunkLengths(chunker, bytes, sizes), plainly(bytes, BigInt(seed)));
      }),
      tries(100),
    );
  });

  test('gives chunks of all bytes, from a quarter to four times the average, but for the last', () => {
    fc.assert(
      fc.property(inputs(60_000), (bytes) => {
        const lengths = chunkLengths(new FastCdc(bytes.length, small), bytes);
        assert.equal(
          lengths.reduce((sum, length) => sum + length, 0),
          bytes.length,
        );
        assert.ok(lengths.every((length) => length > 0 && length <= 4096));
        assert.ok(lengths.slice(0, -1).every((length) => length >= 256));
      }),
      tries(100),
    );
  });
});

describe('RepMaxCDC', () => {
  // Lengths from buildbarn/go-cdc v0.0.10; its two implementations agree on all of them.
  const vectors: [min: number, horizon: number, bytes: Uint8Array, lengths: number[]][] = [
    [
      256,
      2048,
      xorshiftBytes(2463534242, 10_001),
      [
        310, 473, 462, 445, 318, 295, 324, 426, 327, 382, 480, 494, 412, 281, 281, 371, 260, 257, 324, 370,
        293, 502, 476, 450, 327, 314, 347,
      ],
    ],
    [
      64,
      30,
      xorshiftBytes(2463534242, 3001),
      [
        92, 82, 88, 73, 81, 68, 84, 88, 77, 68, 74, 81, 65, 93, 89, 73, 91, 93, 94, 94, 75, 70, 77, 81, 83,
        83, 94, 92, 65, 83, 89, 87, 94, 89, 79, 112,
      ],
    ],
    [64, 0, xorshiftBytes(2463534242, 1000), [...Array.from({ length: 14 }, () => 64), 104]],
    [
      262_144,
      2_097_152,
      xorshiftBytes(2463534242, 6_000_001),
      [
        354030, 336581, 376627, 517695, 471201, 265262, 363710, 331658, 505898, 334392, 339815, 297919,
        448138, 266224, 268645, 522206,
      ],
    ],
    [256, 2048, new Uint8Array(3000), [...Array.from({ length: 10 }, () => 256), 440]],
    [64, 512, xorshiftBytes(99, 127), [127]],
    [64, 512, xorshiftBytes(99, 128), [64, 64]],
    [64, 512, xorshiftBytes(99, 193), [122, 71]],
    [64, 512, xorshiftBytes(99, 300), [65, 68, 87, 80]],
  ];
  for (const [minChunkSizeBytes, horizonSizeBytes, bytes, expected] of vectors) {
    test(`cuts ${bytes.length} bytes where others cut them (minimum ${minChunkSizeBytes}, horizon ${horizonSizeBytes})`, () => {
      const chunker = new RepMaxCdc(bytes.length, { minChunkSizeBytes, horizonSizeBytes });
      assert.deepEqual(chunkLengths(chunker, bytes), expected);
    });
  }

  /** The definition: look at the whole horizon for each chunk, again and again before what would be too far. */
  function plainly(bytes: Uint8Array, min: number, horizon: number): number[] {
    const hashes: bigint[] = [];
    let hash = 0n;
    for (const byte of bytes) hashes.push((hash = roll(hash, byte)));
    const lengths: number[] = [];
    for (let start = 0; start < bytes.length;) {
      let last = Math.min(horizon, bytes.length - start - 2 * min);
      let length = bytes.length - start;
      while (last >= 0) {
        let best = 0;
        for (let place = 1; place <= last; place++) {
          const hashAt = (at: number) => hashes[start + min + at - 1] ?? 0n;
          if (hashAt(place) > hashAt(best)) best = place;
        }
        length = min + best;
        last = best - min;
      }
      lengths.push(length);
      start += length;
    }
    return lengths;
  }

  test('cuts as the definition says, whatever the pieces', () => {
    const horizons = fc.oneof(fc.constantFrom(0, 1, 63, 64, 127, 128, 512), fc.nat({ max: 700 }));
    const minima = fc.constantFrom(64, 65, 100);
    fc.assert(
      fc.property(inputs(3000), pieces, minima, horizons, (bytes, sizes, min, horizon) => {
        const params = { minChunkSizeBytes: min, horizonSizeBytes: horizon };
        const lengths = chunkLengths(new RepMaxCdc(bytes.length, params), bytes, sizes);
        assert.deepEqual(lengths, plainly(bytes, min, horizon));
      }),
      tries(200),
    );
  });

  test('gives chunks of all bytes, from the minimum to less than twice of it, unless the blob is smaller', () => {
    fc.assert(
      fc.property(inputs(60_000), fc.nat({ max: 9000 }), (bytes, horizonSizeBytes) => {
        const params = { minChunkSizeBytes: 1024, horizonSizeBytes };
        const lengths = chunkLengths(new RepMaxCdc(bytes.length, params), bytes);
        assert.equal(
          lengths.reduce((sum, length) => sum + length, 0),
          bytes.length,
        );
        assert.ok(lengths.every((length) => length < 2048));
        assert.ok(bytes.length < 1024 || lengths.every((length) => length >= 1024));
      }),
      tries(100),
    );
  });
});
