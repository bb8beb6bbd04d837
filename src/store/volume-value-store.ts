import { type Digest, digestText, parseDigest } from '../core/digest.ts';
import type { InstanceName } from '../core/instance-name.ts';
import type { ValueKey, ValueStore } from '../core/value-store.ts';
import { Digest as DigestMessage } from '../gen/build/bazel/remote/execution/v2/remote_execution.ts';
import { hashOf } from './hashing.ts';
import type { Layout } from './layout.ts';
import type { Leases } from './leases.ts';
import type { ReachChecker } from './reach.ts';
import type { Records } from './records.ts';
import { volumeError } from './volume-error.ts';

/** A serialised Digest with a SHA-256 has 67 to 76 bytes; a longer file is none. */
export const longestValue = 128;

/** Values as records: a serialised Digest each. */
export function volumeValueStore(
  layout: Layout,
  records: Records,
  reaches: ReachChecker,
  leases: Leases,
): ValueStore {
  const pathOf = (instanceName: InstanceName, key: ValueKey) =>
    layout.value(instanceName, hashOf('sha256', Buffer.from(key)));

  return {
    async get(instanceName, key) {
      const path = pathOf(instanceName, key);
      try {
        const digest = valueIn(await records.readSealed(path, longestValue));
        if (digest === undefined || (await leases.touch(digest)) === undefined) return undefined;
        return (await records.touch(path)) ? digest : undefined;
      } catch (error) {
        throw volumeError(error, 'reading a value');
      }
    },

    async set(instanceName, key, digest) {
      await reaches.secure(
        { blobs: [digest], directories: [], trees: [] },
        `the value ${digestText(digest)}`,
      );
      const bytes = DigestMessage.encode({ hash: digest.hash, sizeBytes: BigInt(digest.sizeBytes) }).finish();
      try {
        await records.writeSealed(pathOf(instanceName, key), bytes);
      } catch (error) {
        throw volumeError(error, 'writing a value');
      }
    },
  };
}

/** The blob that a stored value leads to; undefined for what leads to nothing. */
export function valueIn(bytes: Uint8Array | undefined): Digest | undefined {
  try {
    return bytes && parseDigest(DigestMessage.decode(bytes), 'sha256');
  } catch {
    return undefined;
  }
}
