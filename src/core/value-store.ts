import { CacheError } from './cache-error.ts';
import { type Digest, quote } from './digest.ts';
import type { InstanceName } from './instance-name.ts';

declare const validated: unique symbol;

/** What a client of the HTTP cache protocol calls a value of its own: Gradle's cache keys, for one. */
export type ValueKey = string & { readonly [validated]: true };

const valueKeyPattern = /^[A-Za-z0-9._-]{1,200}$/;

/** Throws 'invalid-argument' with what a key may be. */
export function parseValueKey(text: string): ValueKey {
  if (valueKeyPattern.test(text)) return text as ValueKey;
  throw new CacheError(
    'invalid-argument',
    `the key ${quote(text)} cannot be one: a key has 1 to 200 letters, digits, dots, dashes and underscores`,
  );
}

/** Bytes by a key of the client's, of which only the client knows what they are. They are blobs; this leads to them. */
export interface ValueStore {
  /** The blob under the key, only when it is here; both are leased. Undefined otherwise. */
  get(instanceName: InstanceName, key: ValueKey): Promise<Digest | undefined>;

  /**
   * Leads the key to a blob, in place of an earlier one. Resolves when the blob is leased and on disk, and then
   * the key itself. Rejects with 'failed-precondition' when the blob is not here.
   */
  set(instanceName: InstanceName, key: ValueKey, digest: Digest): Promise<void>;
}
