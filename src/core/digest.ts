import { CacheError } from './cache-error.ts';
import {
  type DigestFunction,
  digestFunctionFor,
  digestFunctionNamed,
  digestFunctions,
  isHashOf,
} from './digest-function.ts';

declare const validated: unique symbol;

/**
 * Names a blob: the hash of its bytes, in lower-case hex, and how many bytes there are.
 * Only the functions of this file make one, so whoever holds a Digest may put its hash in a path.
 */
export interface Digest {
  readonly digestFunction: DigestFunction;
  readonly hash: string;
  /** Bytes, 0 to Number.MAX_SAFE_INTEGER. */
  readonly sizeBytes: number;
  readonly [validated]: true;
}

/** A digest as it arrives: nothing about it is known yet. */
export interface UncheckedDigest {
  hash: string;
  sizeBytes: bigint;
  /** Set by who has looked at each character of the hash already. */
  isLowerHex?: true;
}

const largestSize = BigInt(Number.MAX_SAFE_INTEGER);

/**
 * `digestFunction` is what the request says; without it the length of the hash decides.
 * Throws 'invalid-argument' with a sentence that says what is wrong with it.
 */
export function parseDigest(
  unchecked: UncheckedDigest | undefined,
  digestFunction?: DigestFunction,
  what = 'digest',
): Digest {
  if (unchecked === undefined)
    throw new CacheError('invalid-argument', `the ${what} is missing from the request`);
  const { hash, sizeBytes } = unchecked;
  const hashedBy = functionOfHash(hash, digestFunction, unchecked.isLowerHex);
  if (hashedBy === undefined) {
    const expected = {
      sha256: 'SHA-256',
      sha1: 'SHA-1',
      sha384: 'SHA-384',
      sha512: 'SHA-512',
      blake3: 'BLAKE3',
    };
    throw new CacheError(
      'invalid-argument',
      `the hash of the ${what} is not a ${expected[digestFunction ?? 'sha256']} in lower-case hex: ${quote(hash)}`,
    );
  }
  if (sizeBytes < 0n)
    throw new CacheError('invalid-argument', `the size of the ${what} is negative: ${sizeBytes}`);
  if (sizeBytes > largestSize) {
    throw new CacheError('invalid-argument', `the size of the ${what} is beyond 2^53 bytes: ${sizeBytes}`);
  }
  return digestOf(hash, Number(sizeBytes), hashedBy);
}

function functionOfHash(
  hash: string,
  named: DigestFunction | undefined,
  isLowerHex = false,
): DigestFunction | undefined {
  if (named === undefined) return digestFunctionFor(hash, isLowerHex);
  return isHashOf(named, hash, isLowerHex) ? named : undefined;
}

/** For a hash that was computed or matched here, with a size that was measured or parsed here. */
export function digestOf(hash: string, sizeBytes: number, digestFunction: DigestFunction = 'sha256'): Digest {
  return { digestFunction, hash, sizeBytes } as Digest;
}

/** `[blake3/]<hash>/<size>`, as resource names have it; equal digests have equal texts. */
export function digestText({ digestFunction, hash, sizeBytes }: Digest): string {
  return `${digestFunction === 'blake3' ? 'blake3/' : ''}${hash}/${sizeBytes}`;
}

/** Each of them once, in the order of their first mention. */
export function distinctDigests(digests: readonly Digest[]): readonly Digest[] {
  const hashes = new Set<string>();
  for (const { hash } of digests) hashes.add(hash);
  if (hashes.size === digests.length) return digests;
  // Two sizes for a hash, or two functions, are of nobody's blob, but somebody may ask for that: texts tell them apart.
  return [...new Map(digests.map((digest) => [digestText(digest), digest])).values()];
}

/**
 * Names a blob where its size does not matter: the bare hash for SHA-256, `<function>-<hash>` for the others.
 * Fit for a file name, and shorter than the 255 bytes that one may have.
 */
export type BlobName = string & { readonly [validated]: true };

export function blobName({ digestFunction, hash }: Pick<Digest, 'digestFunction' | 'hash'>): BlobName {
  return (digestFunction === 'sha256' ? hash : `${digestFunction}-${hash}`) as BlobName;
}

/** Undefined for a text that is no blob's name. */
export function parseBlobName(text: string): BlobName | undefined {
  const { digestFunction, hash } = blobNameParts(text as BlobName);
  return isHashOf(digestFunction, hash) && blobName({ digestFunction, hash }) === text
    ? (text as BlobName)
    : undefined;
}

/** What a blob's name was made of. */
export function blobNameParts(name: BlobName): Pick<Digest, 'digestFunction' | 'hash'> {
  const dash = name.indexOf('-');
  const digestFunction = digestFunctionNamed(name.slice(0, Math.max(dash, 0))) ?? 'sha256';
  return { digestFunction, hash: name.slice(dash + 1) };
}

const emptyHashes: Record<DigestFunction, string> = {
  sha256: 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
  sha1: 'da39a3ee5e6b4b0d3255bfef95601890afd80709',
  sha384: '38b060a751ac96384cd9327eb1b1e36a21fdb71114be07434c0cc7bf63f6e1da274edebfe76f65fbd51ad2f14898b95b',
  sha512:
    'cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e',
  blake3: 'af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262',
};

/** Whether it names the blob of no bytes, by whichever function. Clients expect that to be there always. */
export function isEmptyBlob({ digestFunction, hash, sizeBytes }: Digest): boolean {
  return sizeBytes === 0 && hash === emptyHashes[digestFunction];
}

/** The blob of no bytes, as BuildStream names it. */
export const emptyDigest: Digest = digestOf(emptyHashes.sha256, 0);

/** The same by all digest functions. */
export const emptyDigests: readonly Digest[] = digestFunctions.map((name) =>
  digestOf(emptyHashes[name], 0, name),
);

/** Text from a request, cut short and without control characters, fit for a message or a log line. */
export function quote(text: string): string {
  const short = text.length > 80 ? `${text.slice(0, 80)}…` : text;
  return JSON.stringify(short);
}
