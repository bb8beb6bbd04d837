import { createHash } from 'node:crypto';
import {
  type AssetKind,
  type AssetUri,
  parseQualifiers,
  parseUris,
  type Qualifier,
  type Qualifiers,
} from '../core/asset-name.ts';
import { CacheError } from '../core/cache-error.ts';
import { quote } from '../core/digest.ts';
import { type DigestFunction, isHashOf } from '../core/digest-function.ts';
import { type InstanceName, parseInstanceName } from '../core/instance-name.ts';
import { parseReferenceKey, type ReferenceKey } from '../core/reference-key.ts';
import { parseValueKey } from '../core/value-store.ts';
import { parseWrittenDigest } from '../core/written-digest.ts';
import { assetId } from '../store/asset-record.ts';
import type { Layout } from '../store/layout.ts';

/** What people name: references, assets, results of actions, and values of HTTP clients. */
export const namedKinds = ['reference', 'asset', 'action', 'value'] as const;
export type NamedKind = (typeof namedKinds)[number];

/** The name of a record, as a person gives it or as the volume has it. */
export type NamedRecord =
  | { readonly kind: 'reference'; readonly instanceName: InstanceName; readonly key: ReferenceKey }
  | {
      readonly kind: 'asset';
      readonly instanceName: InstanceName;
      /** Undefined where it was not said: there may be one of each. */
      readonly assetKind: AssetKind | undefined;
      readonly uri: AssetUri;
      readonly qualifiers: Qualifiers;
    }
  | {
      /** The result of the action with this hash; its size is nowhere in its record. */
      readonly kind: 'action';
      readonly instanceName: InstanceName;
      readonly digestFunction: DigestFunction;
      readonly hash: string;
    }
  | {
      /** Records have the SHA-256 of the client's key only. */
      readonly kind: 'value';
      readonly instanceName: InstanceName;
      readonly keyHash: string;
    };

/** What was said beside the name. */
export interface NameOptions {
  readonly kind?: NamedKind | undefined;
  /** Then nothing in the name is taken for an instance: for names with colons of their own. */
  readonly instanceName?: InstanceName | undefined;
  readonly assetKind?: AssetKind | undefined;
  readonly qualifiers?: readonly Qualifier[] | undefined;
}

/**
 * REF of the commands: `[INSTANCE:]NAME`. Without a kind, NAME is an asset when it is a URI (`urn:…` or `scheme://…`), the result of an
 * action when it is a hash or digest, and a reference's key otherwise. What is before the first colon is the
 * instance, unless the whole is a URI or a digest (`blake3:…`). A value is named by its key, or by the key's SHA-256.
 * Throws 'invalid-argument' for what can be no name.
 */
export function parseNamedRecord(text: string, options: NameOptions = {}): NamedRecord {
  const { instanceName, name } = split(text, options);
  const kind = options.kind ?? kindOf(name);
  if (kind === 'reference') return { kind, instanceName, key: parseReferenceKey(name) };
  if (kind === 'value')
    return { kind, instanceName, keyHash: isHashOf('sha256', name) ? name : hashOfKey(name) };
  if (kind === 'asset') {
    const qualifiers = parseQualifiers(options.qualifiers ?? []);
    return { kind, instanceName, assetKind: options.assetKind, uri: parseUris([name])[0], qualifiers };
  }
  const written = parseWrittenDigest(name);
  if (written !== undefined) {
    const { digestFunction, hash } = written;
    return { kind, instanceName, digestFunction, hash };
  }
  throw new CacheError(
    'invalid-argument',
    `${quote(name)} is no digest: results of actions are named by hash, hash/size or function:hash/size`,
  );
}

/** The beginning of names: the instance, where one is named before a colon, and what the names there begin with. */
export function parsePrefix(
  text: string,
  options: Pick<NameOptions, 'instanceName' | 'kind'> = {},
): { readonly instanceName: InstanceName | undefined; readonly prefix: string } {
  const { instanceName, name } = split(text, options);
  const isNamed = options.instanceName !== undefined || name !== text;
  return { instanceName: isNamed ? instanceName : undefined, prefix: name };
}

/** A record as `parseNamedRecord` takes it, for people; qualifiers of an asset are behind it. */
export function recordText(record: NamedRecord): string {
  const { instanceName } = record;
  if (record.kind === 'reference') return withInstance(instanceName, record.key);
  if (record.kind === 'action') return withInstance(instanceName, actionText(record));
  if (record.kind === 'value') return withInstance(instanceName, record.keyHash);
  const qualifiers = record.qualifiers.map(({ name, value }) => ` ${name}=${value}`).join('');
  return withInstance(instanceName, record.uri) + qualifiers;
}

/** Where a record of this name is, if there is one: below Layout.recordRoots. An asset of either kind has two places. */
export function recordPaths(layout: Layout, record: NamedRecord): readonly string[] {
  const { instanceName } = record;
  if (record.kind === 'reference') return [layout.reference(instanceName, record.key)];
  if (record.kind === 'action') return [layout.actionResult(instanceName, record)];
  if (record.kind === 'value') return [layout.value(instanceName, record.keyHash)];
  const { uri, qualifiers, assetKind } = record;
  const kinds: readonly AssetKind[] = assetKind === undefined ? ['blob', 'directory'] : [assetKind];
  return kinds.map((kind) =>
    layout.asset(instanceName, kind, assetId({ instanceName, kind, uri, qualifiers })),
  );
}

function split(
  text: string,
  { instanceName, kind }: NameOptions,
): { instanceName: InstanceName; name: string } {
  if (instanceName !== undefined) return { instanceName, name: text };
  const unnamed = parseInstanceName('');
  const isWhole = isUri(text) || parseWrittenDigest(text) !== undefined;
  const colon = text.indexOf(':');
  if (colon === -1 || (isWhole && kind !== 'reference')) return { instanceName: unnamed, name: text };
  return { instanceName: parseInstanceName(text.slice(0, colon)), name: text.slice(colon + 1) };
}

function kindOf(name: string): NamedKind {
  if (isUri(name)) return 'asset';
  return parseWrittenDigest(name) === undefined ? 'reference' : 'action';
}

function isUri(text: string): boolean {
  return /^(?:urn:|[a-z][a-z0-9+.-]*:\/\/)/i.test(text);
}

function hashOfKey(name: string): string {
  return createHash('sha256').update(parseValueKey(name)).digest('hex');
}

function actionText({ digestFunction, hash }: { digestFunction: DigestFunction; hash: string }): string {
  return digestFunction === 'blake3' ? `blake3:${hash}` : hash;
}

/** A name with a colon in it would be taken for another, if nothing stood before it. */
function withInstance(instanceName: InstanceName, name: string): string {
  const isWhole = isUri(name) || parseWrittenDigest(name) !== undefined || !name.includes(':');
  return instanceName === '' && isWhole ? name : `${instanceName}:${name}`;
}
