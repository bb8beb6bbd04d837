import { CacheError } from './cache-error.ts';
import { quote } from './digest.ts';

declare const validated: unique symbol;

/** The name of a reference, `project/element/cachekey` in BuildStream: one to 32 path segments, each fit for a file name. */
export type ReferenceKey = string & { readonly [validated]: true };

/** Longest file name that common file systems take, in bytes. */
const maxSegmentBytes = 255;
const maxSegments = 32;
const maxKeyBytes = 1024;
// BuildStream writes [0-9A-Za-z-._] alone; other clients may name things in their own script.
// What must never pass: separators, NUL and control characters, and the segments "", "." and "..".
// oxlint-disable-next-line no-control-regex -- naming them is the point
const forbidden = /[\u0000-\u001f\u007f\\]/;

/** Throws 'invalid-argument' unless every segment may safely become a file name on the volume. */
export function parseReferenceKey(text: string): ReferenceKey {
  if (text === '') throw new CacheError('invalid-argument', 'the reference key is empty');
  if (Buffer.byteLength(text) > maxKeyBytes) {
    throw new CacheError(
      'invalid-argument',
      `the reference key is longer than ${maxKeyBytes} bytes: ${quote(text)}`,
    );
  }
  if (!text.isWellFormed() || forbidden.test(text)) {
    throw new CacheError(
      'invalid-argument',
      `the reference key has characters that are not allowed: ${quote(text)}`,
    );
  }
  const segments = text.split('/');
  if (segments.length > maxSegments) {
    throw new CacheError(
      'invalid-argument',
      `the reference key has more than ${maxSegments} segments: ${quote(text)}`,
    );
  }
  for (const segment of segments) {
    if (
      segment === '' ||
      segment === '.' ||
      segment === '..' ||
      Buffer.byteLength(segment) > maxSegmentBytes
    ) {
      throw new CacheError(
        'invalid-argument',
        `the reference key ${quote(text)} has a segment that cannot be stored: ${quote(segment)}`,
      );
    }
  }
  return text as ReferenceKey;
}
