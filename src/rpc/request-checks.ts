import { CacheError } from '../core/cache-error.ts';
import { type InstanceName, parseInstanceName } from '../core/instance-name.ts';
import { DigestFunction_Value } from '../gen/build/bazel/remote/execution/v2/remote_execution.ts';

/** What every CAS request carries beside its subject. */
interface CommonFields {
  readonly instanceName: string;
  readonly digestFunction: DigestFunction_Value;
}

/** Throws 'invalid-argument' for an instance name that cannot be one or a hash function that is not offered. */
export function checkRequest({ instanceName, digestFunction }: CommonFields): InstanceName {
  // Clients that know only one function leave the field at UNKNOWN.
  if (digestFunction !== DigestFunction_Value.UNKNOWN && digestFunction !== DigestFunction_Value.SHA256) {
    throw new CacheError(
      'invalid-argument',
      `digest function ${digestFunction} is not offered; SHA256 (1) is`,
    );
  }
  return parseInstanceName(instanceName);
}

/** An offset or size of the wire as a number. Throws 'out-of-range' when it is negative or beyond 2^53. */
export function wireOffset(value: bigint, what: string): number {
  if (value < 0n) throw new CacheError('out-of-range', `${what} is negative: ${value}`);
  if (value > BigInt(Number.MAX_SAFE_INTEGER))
    throw new CacheError('out-of-range', `${what} is beyond 2^53: ${value}`);
  return Number(value);
}
