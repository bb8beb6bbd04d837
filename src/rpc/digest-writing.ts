import type { Digest } from '../gen/build/bazel/remote/execution/v2/remote_execution.ts';
import { fieldLength, varintLength, writeHead } from './field-writing.ts';

const [hashTag, sizeTag] = [0x0a, 0x10];

/** Bytes of a Digest message. Hashes are hex here: as many bytes as characters. */
export function lengthOfDigest({ hash, sizeBytes }: Digest): number {
  return fieldLength(hash.length) + (sizeBytes === 0n ? 0 : 1 + varintLength(Number(sizeBytes)));
}

/** Writes it as a field; where the next byte goes. */
export function writeDigest(bytes: Buffer, from: number, tag: number, digest: Digest): number {
  let at = writeHead(bytes, from, tag, lengthOfDigest(digest));
  at = writeHead(bytes, at, hashTag, digest.hash.length);
  at += bytes.write(digest.hash, at, 'latin1');
  return digest.sizeBytes === 0n ? at : writeHead(bytes, at, sizeTag, Number(digest.sizeBytes));
}
