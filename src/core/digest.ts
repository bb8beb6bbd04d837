import { CacheError } from './cache-error.ts';

declare const validated: unique symbol;

/**
 * Names a blob: the SHA-256 of its bytes, 64 lower-case hex digits, and how many bytes there are.
 * Only the functions of this file make one, so whoever holds a Digest may put its hash in a path.
 */
export interface Digest {
  readonly hash: string;
  /** Bytes, 0 to Number.MAX_SAFE_INTEGER. */
  readonly sizeBytes: number;
  readonly [validated]: true;
}

/** A digest as it arrives: nothing about it is known yet. */
export interface UncheckedDigest {
  hash: string;
  sizeBytes: bigint;
}

const hashPattern = /^[0-9a-f]{64}$/;

/** Whether the text is a SHA-256 hash as this cache writes it. */
export function isHash(text: string): boolean {
  return hashPattern.test(text);
}

/** Throws 'invalid-argument' with a sentence that says what is wrong with it. */
export function parseDigest(unchecked: UncheckedDigest | undefined, what = 'digest'): Digest {
  if (unchecked === undefined)
    throw new CacheError('invalid-argument', `the ${what} is missing from the request`);
  const { hash, sizeBytes } = unchecked;
  if (!hashPattern.test(hash)) {
    throw new CacheError(
      'invalid-argument',
      `the hash of the ${what} is not a SHA-256 in lower-case hex: ${quote(hash)}`,
    );
  }
  if (sizeBytes < 0n)
    throw new CacheError('invalid-argument', `the size of the ${what} is negative: ${sizeBytes}`);
  if (sizeBytes > BigInt(Number.MAX_SAFE_INTEGER)) {
    throw new CacheError('invalid-argument', `the size of the ${what} is beyond 2^53 bytes: ${sizeBytes}`);
  }
  return digestOf(hash, Number(sizeBytes));
}

/** For a hash that was computed or matched here, with a size that was measured or parsed here. */
export function digestOf(hash: string, sizeBytes: number): Digest {
  return { hash, sizeBytes } as Digest;
}

/** `<hash>/<size>`, as resource names have it; equal digests have equal texts. */
export function digestText(digest: Digest): string {
  return `${digest.hash}/${digest.sizeBytes}`;
}

/** The blob of no bytes. Clients expect it to be there always. */
export const emptyDigest: Digest = digestOf(
  'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
  0,
);

/** Text from a request, cut short and without control characters, fit for a message or a log line. */
export function quote(text: string): string {
  const short = text.length > 80 ? `${text.slice(0, 80)}…` : text;
  return JSON.stringify(short);
}
