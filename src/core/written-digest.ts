import { type BlobName, blobName, type Digest, parseDigest } from './digest.ts';
import { type DigestFunction, digestFunctionFor, digestFunctionNamed, isHashOf } from './digest-function.ts';

/** A blob as people name it: they may know its hash and not its size. */
export interface WrittenDigest {
  readonly name: BlobName;
  readonly digestFunction: DigestFunction;
  readonly hash: string;
  /** Undefined where only the hash was written. */
  readonly digest: Digest | undefined;
}

const pattern = /^(?:([a-z0-9]+)[:/])?([0-9a-f]{40,128})(?:\/(\d{1,16}))?$/;

/** `[function:]hash[/size]`; the function may also be written as resource names have it, `blake3/…`. Undefined for any other text. */
export function parseWrittenDigest(text: string): WrittenDigest | undefined {
  const [, named, hash = '', size] = pattern.exec(text) ?? [];
  const digestFunction = named === undefined ? digestFunctionFor(hash) : digestFunctionNamed(named);
  if (digestFunction === undefined || !isHashOf(digestFunction, hash)) return undefined;
  const digest =
    size === undefined ? undefined : parseDigest({ hash, sizeBytes: BigInt(size) }, digestFunction);
  return { name: blobName({ digestFunction, hash }), digestFunction, hash, digest };
}
