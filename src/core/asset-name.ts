import { CacheError } from './cache-error.ts';
import { quote } from './digest.ts';
import type { InstanceName } from './instance-name.ts';

declare const validated: unique symbol;

/** Assets that are blobs and assets that are directories have nothing to do with each other, whatever their names. */
export type AssetKind = 'blob' | 'directory';

/** What an asset is called beside its qualifiers. A name, not an address: nothing is looked for there. */
export type AssetUri = string & { readonly [validated]: true };

/** Part of an asset's name. */
export interface Qualifier {
  readonly name: string;
  readonly value: string;
}

/** The qualifiers of an asset, sorted by name, each name once: equal sets are equal lists. */
export type Qualifiers = readonly Qualifier[] & { readonly [validated]: true };

/** What an asset is found by; all of it has to be the same. */
export interface AssetName {
  readonly instanceName: InstanceName;
  readonly kind: AssetKind;
  readonly uri: AssetUri;
  readonly qualifiers: Qualifiers;
}

/** Several names of the same asset, which differ in the URI. */
export type AssetNames = readonly [AssetName, ...AssetName[]];

/** Bounds of one request: BuildStream gives two URIs and no qualifiers, Bazel a mirror or two and a handful. */
const maxUris = 100;
const maxUriBytes = 8192;
const maxQualifiers = 100;
const maxQualifierNameBytes = 256;
const maxQualifierValueBytes = 8192;
const maxQualifierBytes = 64 * 1024;

/** Each once, in the order of the request. Throws 'invalid-argument' for none, too many, or one that is no name. */
export function parseUris(texts: readonly string[]): readonly [AssetUri, ...AssetUri[]] {
  if (texts.length === 0) throw new CacheError('invalid-argument', 'there are no URIs; give at least one');
  if (texts.length > maxUris)
    throw new CacheError('invalid-argument', `there are ${texts.length} URIs; give at most ${maxUris}`);
  for (const text of texts) {
    if (text === '') throw new CacheError('invalid-argument', 'one of the URIs is empty');
    expectText(text, maxUriBytes, 'URI');
  }
  return [...new Set(texts)] as string[] as [AssetUri, ...AssetUri[]];
}

/** In any order. Throws 'invalid-argument' for a name that is empty or there twice, and for what is too long. */
export function parseQualifiers(given: readonly Qualifier[]): Qualifiers {
  if (given.length > maxQualifiers) {
    throw new CacheError(
      'invalid-argument',
      `there are ${given.length} qualifiers; give at most ${maxQualifiers}`,
    );
  }
  let total = 0;
  for (const { name, value } of given) {
    if (name === '') throw new CacheError('invalid-argument', 'one of the qualifiers has no name');
    expectText(name, maxQualifierNameBytes, 'name of the qualifier');
    expectText(value, maxQualifierValueBytes, `value of the qualifier ${quote(name)},`);
    total += Buffer.byteLength(name) + Buffer.byteLength(value);
  }
  if (total > maxQualifierBytes) {
    throw new CacheError(
      'invalid-argument',
      `the qualifiers have ${total} bytes in all; at most ${maxQualifierBytes} are taken`,
    );
  }
  const sorted = given
    .map(({ name, value }) => ({ name, value }))
    .sort((one, other) => (one.name < other.name ? -1 : 1));
  const twice = sorted.find(({ name }, index) => name === sorted[index + 1]?.name);
  if (twice !== undefined) {
    throw new CacheError('invalid-argument', `the qualifier ${quote(twice.name)} is there more than once`);
  }
  return sorted as readonly Qualifier[] as Qualifiers;
}

/** Bytes that are no UTF-8 were made U+FFFD when the message was decoded: two such names would be one. */
function expectText(text: string, maxBytes: number, what: string): void {
  const bytes = Buffer.byteLength(text);
  if (bytes > maxBytes) {
    throw new CacheError(
      'invalid-argument',
      `the ${what} ${quote(text)} has ${bytes} bytes; at most ${maxBytes} are taken`,
    );
  }
  if (!text.isWellFormed() || text.includes('\uFFFD')) {
    throw new CacheError('invalid-argument', `the ${what} ${quote(text)} is not well-formed UTF-8`);
  }
}
