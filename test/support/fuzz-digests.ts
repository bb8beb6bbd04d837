import * as fc from 'fast-check';
import type { Digest } from '../../src/gen/build/bazel/remote/execution/v2/remote_execution.ts';
import { anyName, mutated } from './fuzz-names.ts';

/** Sizes and offsets as an int64 of the wire can have them, with a preference for the edges. */
export const wireSizes: fc.Arbitrary<bigint> = fc.oneof(
  fc.constantFrom(0n, 1n, -1n, 36n, 37n, 2n ** 31n, 2n ** 32n, 2n ** 53n - 1n, 2n ** 53n),
  fc.constantFrom(2n ** 63n - 1n, -(2n ** 63n)),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  fc.bigInt({ min: 0n, max: 100n }),
);

/** These (for `known` out of 5 + `known`), others with their hashes, and what is no digest at all. */
export function digestsNear(digests: readonly Digest[], known = 2): fc.Arbitrary<Digest> {
  const hashes = digests.map(({ hash }) => hash);
  return fc.oneof(
    { weight: known, arbitrary: fc.constantFrom(...digests) },
    {
      weight: 3,
      arbitrary: fc.record({ hash: fc.constantFrom(...hashes, 'f'.repeat(64)), sizeBytes: wireSizes }),
    },
    {
      weight: 2,
      arbitrary: fc.record({ hash: fc.oneof(mutated(hashes), anyName), sizeBytes: wireSizes }),
    },
  );
}
