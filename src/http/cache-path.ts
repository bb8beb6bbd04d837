import { CacheError } from '../core/cache-error.ts';
import { type BlobName, blobName, quote } from '../core/digest.ts';
import {
  type DigestFunction,
  digestFunctionFor,
  digestFunctionNamed,
  isHashOf,
} from '../core/digest-function.ts';
import { type InstanceName, parseInstanceName } from '../core/instance-name.ts';
import { parseValueKey, type ValueKey } from '../core/value-store.ts';

/** A hash as a path has it: no size is known. */
export interface PathHash {
  readonly digestFunction: DigestFunction;
  readonly hash: string;
}

/** What a path names. `action` is set where the key could be the hash of an action. */
export type CachePath =
  | {
      readonly space: 'cas';
      readonly instanceName: InstanceName;
      readonly blob: PathHash;
      readonly name: BlobName;
    }
  | {
      readonly space: 'ac';
      readonly instanceName: InstanceName;
      readonly key: ValueKey;
      readonly action: PathHash | undefined;
    };

/**
 * `[/<instance>]/cas/[<function>/]<hash>` or `[/<instance>]/ac/[<function>/]<key>`; the instance name may have
 * slashes. Throws 'not-found' for a path of another form, 'invalid-argument' for a hash, key or name that cannot be one.
 */
export function parseCachePath(url: string): CachePath {
  const [, ...segments] = url
    .replace(/[?#].*$/s, '')
    .split('/')
    .map(decoded);
  const key = segments.pop();
  const hasFunction = !isSpace(segments.at(-1));
  const digestFunction = hasFunction ? digestFunctionNamed(segments.pop()) : undefined;
  const space = segments.pop();
  if (key === undefined || !isSpace(space) || (hasFunction && digestFunction === undefined)) {
    throw new CacheError(
      'not-found',
      'nothing is here: the cache has /cas/<hash> and /ac/<key>, with the instance name before it if there is one',
    );
  }
  const instanceName = parseInstanceName(segments.join('/'));
  if (space === 'cas') {
    const blob = parseHash(key, digestFunction);
    return { space, instanceName, blob, name: blobName(blob) };
  }
  if (digestFunction !== undefined) {
    return { space, instanceName, key: parseValueKey(key), action: parseHash(key, digestFunction) };
  }
  const hashedBy = digestFunctionFor(key);
  const action = hashedBy && { digestFunction: hashedBy, hash: key };
  return { space, instanceName, key: parseValueKey(key), action };
}

function isSpace(segment: string | undefined): segment is 'cas' | 'ac' {
  return segment === 'cas' || segment === 'ac';
}

function parseHash(text: string, named: DigestFunction | undefined): PathHash {
  const digestFunction = named ?? digestFunctionFor(text);
  if (digestFunction !== undefined && isHashOf(digestFunction, text)) return { digestFunction, hash: text };
  const kind = named ?? 'SHA-256, SHA-1, SHA-384 or SHA-512';
  throw new CacheError('invalid-argument', `this is no ${kind} in lower-case hex: ${quote(text)}`);
}

function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    throw new CacheError('invalid-argument', `the path has a % that begins no character: ${quote(segment)}`);
  }
}
