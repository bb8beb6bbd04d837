import { CacheError } from './cache-error.ts';
import { type Digest, digestOf, quote } from './digest.ts';
import { digestFunctionFor, digestFunctionNamed, isHashOf } from './digest-function.ts';
import { type InstanceName, parseInstanceName, reservedSegments } from './instance-name.ts';

/** How the bytes of a blob travel: as they are, or compressed. */
export type Compressor = 'identity' | 'zstd';

/** What a ByteStream resource name says. */
export interface ResourceName {
  /** Empty when the name has none; may contain slashes. */
  readonly instanceName: InstanceName;
  /** Of the blob itself, however its bytes travel. */
  readonly digest: Digest;
  readonly compressor: Compressor;
}

const sizePattern = /^(0|[1-9][0-9]{0,15})$/;
const uuidPattern = /^[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}$/i;
const maxNameLength = 4096;
const blobForm = 'blobs/<hash>/<size>, with blake3/ before a hash of BLAKE3';

/**
 * `[<instance>/]blobs/[<function>/]<hash>/<size>`, the same with `compressed-blobs/zstd`, and the bare
 * `<hash>/<size>` of BuildStream 1.1. Throws 'malformed-name' (bst-artifact-server answers NOT_FOUND to
 * these, and so do we), or 'unimplemented' for a compressor that is not offered.
 */
export function parseDownloadName(name: string): ResourceName {
  const segments = split(name);
  if (segments.length === 2) return bareName(segments, name);
  const at = segments.findIndex((segment) => reservedSegments.has(segment));
  const { digest, compressor, end } = blobAt(segments, at, name, blobForm);
  if (segments.length !== end) throw malformed(name, blobForm);
  return { instanceName: instanceFrom(segments, at, name), digest, compressor };
}

/**
 * `[<instance>/]uploads/<uuid>/blobs/[<function>/]<hash>/<size>[/<anything>]`, the same with
 * `compressed-blobs/zstd`, and the bare `<hash>/<size>` of BuildStream 1.1. Throws as parseDownloadName does.
 */
export function parseUploadName(name: string): ResourceName {
  const segments = split(name);
  if (segments.length === 2) return bareName(segments, name);
  const expected = `uploads/<uuid>/${blobForm}`;
  const at = segments.findIndex((segment) => reservedSegments.has(segment));
  if (at === -1 || segments[at] !== 'uploads') throw malformed(name, expected);
  const { digest, compressor } = blobAt(segments, at + 2, name, expected);
  if (!uuidPattern.test(segments[at + 1] ?? '')) throw malformed(name, expected);
  return { instanceName: instanceFrom(segments, at, name), digest, compressor };
}

function bareName(segments: readonly string[], name: string): ResourceName {
  const { digest } = digestAt(segments, 0, name);
  return { instanceName: parseInstanceName(''), digest, compressor: 'identity' };
}

/** The blob whose part of the name begins here; `end` is where it ends. */
function blobAt(segments: readonly string[], at: number, name: string, expected: string) {
  if (segments[at] === 'blobs')
    return { ...digestAt(segments, at + 1, name), compressor: 'identity' as const };
  if (segments[at] !== 'compressed-blobs') throw malformed(name, expected);
  if (segments[at + 1] !== 'zstd') {
    throw new CacheError(
      'unimplemented',
      'blobs are compressed by zstd here; use compressed-blobs/zstd or blobs',
    );
  }
  return { ...digestAt(segments, at + 2, name), compressor: 'zstd' as const };
}

function digestAt(segments: readonly string[], at: number, name: string): { digest: Digest; end: number } {
  const named = digestFunctionNamed(segments[at]);
  const first = named === undefined ? at : at + 1;
  const [hash = '', size = ''] = segments.slice(first);
  const digestFunction = named ?? digestFunctionFor(hash);
  if (digestFunction === undefined || !isHashOf(digestFunction, hash) || !sizePattern.test(size)) {
    throw malformed(name, '<hash>/<size> with a hash in lower-case hex and a size in bytes');
  }
  const sizeBytes = Number(size);
  if (!Number.isSafeInteger(sizeBytes)) throw malformed(name, 'a size below 2^53');
  return { digest: digestOf(hash, sizeBytes, digestFunction), end: first + 2 };
}

function split(name: string): string[] {
  if (name.length > maxNameLength) throw malformed(name, 'something shorter');
  return name.split('/');
}

function instanceFrom(segments: readonly string[], end: number, name: string): InstanceName {
  if (end > 0 && segments[0] === '') throw malformed(name, 'an instance name without empty segments');
  try {
    return parseInstanceName(segments.slice(0, end).join('/'));
  } catch {
    throw malformed(name, 'an instance name that is allowed');
  }
}

function malformed(name: string, expected: string): CacheError {
  return new CacheError(
    'malformed-name',
    `the resource name ${quote(name)} names no blob; expected ${expected}`,
  );
}
