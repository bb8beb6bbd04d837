import { CacheError } from '../core/cache-error.ts';
import { type InstanceName, parseInstanceName } from '../core/instance-name.ts';
import { type DigestFunction, parseDigestFunction } from '../core/digest-function.ts';
import type { DigestFunction_Value } from '../gen/build/bazel/remote/execution/v2/remote_execution.ts';

/** What every CAS request carries beside its subject. */
interface CommonFields {
  readonly instanceName: string;
  readonly digestFunction: DigestFunction_Value;
}

/** The common fields, checked. */
export interface CheckedRequest {
  readonly instanceName: InstanceName;
  /** Undefined where the request leaves it to the length of each hash. */
  readonly digestFunction: DigestFunction | undefined;
}

/** Throws 'invalid-argument' for an instance name that cannot be one or a digest function that is not offered. */
export function checkRequest({ instanceName, digestFunction }: CommonFields): CheckedRequest {
  return {
    digestFunction: parseDigestFunction(digestFunction),
    instanceName: parseInstanceName(instanceName),
  };
}

/** An offset or size of the wire as a number. Throws 'out-of-range' when it is negative or beyond 2^53. */
export function wireOffset(value: bigint, what: string): number {
  if (value < 0n) throw new CacheError('out-of-range', `${what} is negative: ${value}`);
  if (value > BigInt(Number.MAX_SAFE_INTEGER))
    throw new CacheError('out-of-range', `${what} is beyond 2^53: ${value}`);
  return Number(value);
}
