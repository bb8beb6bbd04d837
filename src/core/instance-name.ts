import { CacheError } from './cache-error.ts';
import { quote } from './digest.ts';

declare const validated: unique symbol;

/** One of several caches behind one server. The empty name is the one that BuildStream 1.x uses. */
export type InstanceName = string & { readonly [validated]: true };

/** REAPI reserves these words: an instance name has none of them as a segment. */
export const reservedSegments: ReadonlySet<string> = new Set([
  'blobs',
  'uploads',
  'actions',
  'actionResults',
  'operations',
  'capabilities',
  'compressed-blobs',
]);

const maxEncodedLength = 255;
// oxlint-disable-next-line no-control-regex -- naming them is the point
const forbidden = /[\u0000-\u001f\u007f\\]/;

/** Slashes are allowed inside. Throws 'invalid-argument' with what is wrong. */
export function parseInstanceName(text: string): InstanceName {
  if (text === '') return text as InstanceName;
  if (!text.isWellFormed() || forbidden.test(text) || encodeURIComponent(text).length > maxEncodedLength) {
    throw new CacheError(
      'invalid-argument',
      `the instance name is too long or has characters that are not allowed: ${quote(text)}`,
    );
  }
  for (const segment of text.split('/')) {
    if (segment === '' || segment === '.' || segment === '..' || reservedSegments.has(segment)) {
      throw new CacheError(
        'invalid-argument',
        `the instance name ${quote(text)} has the segment ${quote(segment)}, which is not allowed`,
      );
    }
  }
  return text as InstanceName;
}
