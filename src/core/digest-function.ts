import { DigestFunction_Value } from '../gen/build/bazel/remote/execution/v2/remote_execution.ts';
import { CacheError } from './cache-error.ts';

/**
 * How a blob's hash is computed, by the names that resource names have (REAPI's DigestFunction.Value in
 * lower case). SHA-256 is the default, and the only one that BuildStream knows.
 */
export type DigestFunction = 'sha256' | 'sha1' | 'sha384' | 'sha512' | 'blake3';

interface Facts {
  readonly value: DigestFunction_Value;
  /** Hex digits of a hash. */
  readonly hashLength: number;
}

const facts: Record<DigestFunction, Facts> = {
  sha256: { value: DigestFunction_Value.SHA256, hashLength: 64 },
  sha1: { value: DigestFunction_Value.SHA1, hashLength: 40 },
  sha384: { value: DigestFunction_Value.SHA384, hashLength: 96 },
  sha512: { value: DigestFunction_Value.SHA512, hashLength: 128 },
  blake3: { value: DigestFunction_Value.BLAKE3, hashLength: 64 },
};

/** All that are offered, the default first. */
export const digestFunctions = Object.keys(facts) as readonly DigestFunction[];

/** REAPI's number for it. */
export function digestFunctionValue(digestFunction: DigestFunction): DigestFunction_Value {
  return facts[digestFunction].value;
}

/**
 * What a request's `digest_function` says; undefined where it says nothing, and the length of each hash
 * decides (REAPI, DigestFunction). Throws 'invalid-argument' for one that is not offered.
 */
export function parseDigestFunction(value: DigestFunction_Value): DigestFunction | undefined {
  if (value === DigestFunction_Value.UNKNOWN) return undefined;
  const named = digestFunctions.find((candidate) => facts[candidate].value === value);
  if (named !== undefined) return named;
  const offered = digestFunctions.map((name) => `${name.toUpperCase()} (${facts[name].value})`).join(', ');
  throw new CacheError('invalid-argument', `digest function ${value} is not offered; there are ${offered}`);
}

/** A segment of a resource name that names a function; undefined for any other. */
export function digestFunctionNamed(segment: string | undefined): DigestFunction | undefined {
  return digestFunctions.find((name) => name === segment);
}

/**
 * Whether the text is a hash of this function as this cache writes it: lower-case hex of its length. `isLowerHex`: that it is hex is known.
 */
export function isHashOf(digestFunction: DigestFunction, text: string, isLowerHex = false): boolean {
  return text.length === facts[digestFunction].hashLength && (isLowerHex || /^[0-9a-f]+$/.test(text));
}

const byHashLength: ReadonlyMap<number, DigestFunction> = new Map(
  digestFunctions.filter((name) => name !== 'blake3').map((name) => [facts[name].hashLength, name]),
);

/**
 * The function whose hashes are as long as this text; undefined when none is. BLAKE3's are as long as
 * SHA-256's: it has to be named, in requests and in resource names.
 */
export function digestFunctionFor(hash: string, isLowerHex = false): DigestFunction | undefined {
  const named = byHashLength.get(hash.length);
  return named !== undefined && isHashOf(named, hash, isLowerHex) ? named : undefined;
}
