import { CacheError } from './cache-error.ts';
import { type Checksum, parseChecksums } from './checksum.ts';
import { quote } from './digest.ts';
import type { DownloadSource } from './downloader.ts';

interface Qualifier {
  readonly name: string;
  readonly value: string;
}

/** What a FetchBlob says about where its content may be had. */
export interface WantedDownload {
  readonly sources: readonly DownloadSource[];
  readonly checksums: readonly Checksum[];
  /** Of the asset that the content becomes: without the headers, which are credentials and nobody's name. */
  readonly qualifiers: readonly Qualifier[];
  /**
   * Whether the asset may be given to whoever asks for it by name. Not where headers may have been what
   * opened the door, unless who asks knows the content's checksum.
   */
  readonly sharable: boolean;
}

const checksumName = 'checksum.sri';
const canonicalIdName = 'bazel.canonical_id';
/** `http_header:<name>`: for every URI. */
const headerPrefix = 'http_header:';
/** `http_header_url:<index of the URI>:<name>`, which counts before the former. */
const urlHeaderPattern = /^http_header_url:(\d{1,4}):(.*)$/s;
/** Bazel before 6: a JSON object of URIs, each with an object of headers. */
const authHeadersName = 'bazel.auth_headers';

const maxHeaders = 32;
const headerName = /^[a-z0-9!#$%&'*+.^_`|~-]{1,100}$/;
const headerValue = /^[\t\x20-\x7e\x80-\xff]{0,8192}$/;
/** Ours, whatever the client says. */
const ownHeaders = new Set(['accept-encoding', 'user-agent']);
/** These would make it another request or another answer. */
const refusedHeaders =
  /^(host|connection|keep-alive|te|trailer|transfer-encoding|upgrade|expect|range|content-.*|if-.*|proxy-.*|:.*)$/;

/**
 * `uris` as the request has them: indexes count in that list. Undefined where nothing is to be fetched: no URI
 * is a web address, or a qualifier is not understood and may mean other content than what is at the address.
 * Throws 'invalid-argument' for a checksum or a header that makes no sense.
 */
export function wantedDownload(
  uris: readonly string[],
  qualifiers: readonly Qualifier[],
): WantedDownload | undefined {
  const forAll: Record<string, string> = {};
  const forOne = uris.map((): Record<string, string> => ({}));
  const kept: Qualifier[] = [];
  let checksums: readonly Checksum[] = [];
  let headers = 0;
  for (const qualifier of qualifiers) {
    const { name, value } = qualifier;
    const [, index, ownName] = urlHeaderPattern.exec(name) ?? [];
    if (name === checksumName) checksums = parseChecksums(value);
    if (name === checksumName || name === canonicalIdName) kept.push(qualifier);
    else if (name === authHeadersName) headers += addAuthHeaders(uris, forOne, value);
    else if (index !== undefined) headers += addHeader(forOne[Number(index)], ownName ?? '', value);
    else if (name.startsWith(headerPrefix))
      headers += addHeader(forAll, name.slice(headerPrefix.length), value);
    else return undefined;
    if (headers > maxHeaders) {
      throw new CacheError('invalid-argument', `there are more than ${maxHeaders} headers; give fewer`);
    }
  }
  const sources = uris
    .map((uri, index) => ({ uri, headers: { ...forAll, ...forOne[index] } }))
    .filter(({ uri }) => /^https?:/i.test(uri));
  if (sources.length === 0) return undefined;
  return { sources, checksums, qualifiers: kept, sharable: checksums.length > 0 || headers === 0 };
}

/** How many were added: none where there is no such URI, as nobody gets the header then. */
function addHeader(to: Record<string, string> | undefined, givenName: string, value: string): number {
  const name = givenName.toLowerCase();
  if (!headerName.test(name) || !headerValue.test(value) || refusedHeaders.test(name)) {
    throw new CacheError(
      'invalid-argument',
      `the header ${quote(givenName)} is not sent to the host of a download: leave it out`,
    );
  }
  if (to === undefined || ownHeaders.has(name)) return 0;
  to[name] = value;
  return 1;
}

/** Old versions of Bazel give the credentials of all hosts that they know; only those of the URIs are used. */
function addAuthHeaders(uris: readonly string[], forOne: Record<string, string>[], json: string): number {
  const headersOf = new Map(Object.entries(objectIn(json) ?? {}));
  let count = 0;
  for (const [index, uri] of uris.entries()) {
    const headers = headersOf.get(uri);
    if (typeof headers !== 'object' || headers === null) continue;
    for (const [name, value] of Object.entries(headers))
      count += addHeader(forOne[index], name, String(value));
  }
  return count;
}

function objectIn(json: string): object | undefined {
  try {
    const value: unknown = JSON.parse(json);
    if (typeof value === 'object' && value !== null) return value;
  } catch {
    // The sentence below says it.
  }
  throw new CacheError('invalid-argument', `the qualifier ${authHeadersName} is no JSON object`);
}
