import { CacheError } from './cache-error.ts';
import { type Digest, digestOf, isHash, quote } from './digest.ts';
import { type InstanceName, parseInstanceName, reservedSegments } from './instance-name.ts';

/** What a ByteStream resource name says. */
export interface ResourceName {
  /** Empty when the name has none; may contain slashes. */
  readonly instanceName: InstanceName;
  readonly digest: Digest;
}

const sizePattern = /^(0|[1-9][0-9]{0,15})$/;
const uuidPattern = /^[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}$/i;
const maxNameLength = 4096;

/**
 * `[<instance>/]blobs/<hash>/<size>`, and the bare `<hash>/<size>` of BuildStream 1.1.
 * Throws 'malformed-name' (bst-artifact-server answers NOT_FOUND to these, and so do we), or
 * 'unimplemented' for compressed blobs.
 */
export function parseDownloadName(name: string): ResourceName {
  const segments = split(name);
  if (segments.length === 2)
    return { instanceName: parseInstanceName(''), digest: digestFrom(segments[0], segments[1], name) };
  const at = segments.findIndex((segment) => reservedSegments.has(segment));
  refuseCompressed(segments, at);
  if (at === -1 || segments[at] !== 'blobs' || segments.length !== at + 3) {
    throw malformed(name, 'blobs/<hash>/<size>');
  }
  return {
    instanceName: instanceFrom(segments, at, name),
    digest: digestFrom(segments[at + 1], segments[at + 2], name),
  };
}

/**
 * `[<instance>/]uploads/<uuid>/blobs/<hash>/<size>[/<anything>]`, and the bare `<hash>/<size>` of
 * BuildStream 1.1. Throws as parseDownloadName does.
 */
export function parseUploadName(name: string): ResourceName {
  const segments = split(name);
  if (segments.length === 2)
    return { instanceName: parseInstanceName(''), digest: digestFrom(segments[0], segments[1], name) };
  const at = segments.findIndex((segment) => reservedSegments.has(segment));
  if (at === -1 || segments[at] !== 'uploads' || segments.length < at + 5) {
    throw malformed(name, 'uploads/<uuid>/blobs/<hash>/<size>');
  }
  refuseCompressed(segments, at + 2);
  if (segments[at + 2] !== 'blobs' || !uuidPattern.test(segments[at + 1] ?? '')) {
    throw malformed(name, 'uploads/<uuid>/blobs/<hash>/<size>');
  }
  return {
    instanceName: instanceFrom(segments, at, name),
    digest: digestFrom(segments[at + 3], segments[at + 4], name),
  };
}

function split(name: string): string[] {
  if (name.length > maxNameLength) throw malformed(name, 'something shorter');
  return name.split('/');
}

function digestFrom(hash: string | undefined, size: string | undefined, name: string): Digest {
  if (hash === undefined || size === undefined || !isHash(hash) || !sizePattern.test(size)) {
    throw malformed(name, '<hash>/<size> with a SHA-256 in lower-case hex and a size in bytes');
  }
  const sizeBytes = Number(size);
  if (!Number.isSafeInteger(sizeBytes)) throw malformed(name, 'a size below 2^53');
  return digestOf(hash, sizeBytes);
}

function instanceFrom(segments: readonly string[], end: number, name: string): InstanceName {
  if (end > 0 && segments[0] === '') throw malformed(name, 'an instance name without empty segments');
  try {
    return parseInstanceName(segments.slice(0, end).join('/'));
  } catch {
    throw malformed(name, 'an instance name that is allowed');
  }
}

function refuseCompressed(segments: readonly string[], at: number): void {
  if (at >= 0 && segments[at] === 'compressed-blobs') {
    throw new CacheError('unimplemented', 'compressed blobs are not offered here; use blobs/<hash>/<size>');
  }
}

function malformed(name: string, expected: string): CacheError {
  return new CacheError(
    'malformed-name',
    `the resource name ${quote(name)} names no blob; expected ${expected}`,
  );
}
