import type { Digest } from './digest.ts';
import type { InstanceName } from './instance-name.ts';
import type { ReferenceKey } from './reference-key.ts';

/** What a reference reaches, counted while it was checked. */
export interface TreeSummary {
  /** Distinct blobs, directories included. */
  readonly blobs: number;
  readonly bytes: number;
}

/** Names for the roots of trees. Each instance has its own names; the blobs are shared by all. */
export interface ReferenceStore {
  /**
   * The root that a key names, only when every blob it reaches is here; all of them and the
   * reference itself are leased. Undefined when there is no such reference or it is not whole.
   */
  get(instanceName: InstanceName, key: ReferenceKey, signal?: AbortSignal): Promise<Digest | undefined>;

  /**
   * Makes all keys name this root. Resolves when everything that the root reaches is here, leased
   * and on disk, and then the references themselves: a power cut after that loses none of it.
   * Rejects with 'failed-precondition' and what is missing; then no key has changed.
   */
  update(
    instanceName: InstanceName,
    keys: readonly ReferenceKey[],
    root: Digest,
    signal?: AbortSignal,
  ): Promise<TreeSummary>;
}
