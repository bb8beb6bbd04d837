import type { Digest } from '../core/digest.ts';
import type { Digest as DigestMessage } from '../gen/build/bazel/remote/execution/v2/remote_execution.ts';

/** A digest as messages have it. */
export function digestMessage({ hash, sizeBytes }: Digest): DigestMessage {
  return { hash, sizeBytes: BigInt(sizeBytes) };
}
