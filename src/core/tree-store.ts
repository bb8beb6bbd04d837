import type { Directory } from '../gen/build/bazel/remote/execution/v2/remote_execution.ts';
import type { Digest } from './digest.ts';

/** One directory of a tree, as a walk comes to it. */
export interface VisitedDirectory {
  readonly digest: Digest;
  readonly directory: Directory;
}

/** Trees of Directory messages. */
export interface TreeStore {
  /**
   * The directories of a tree, the root first, level by level, each once. Those that are not here are
   * left out, but an absent root rejects with 'not-found'. Rejects with 'resource-exhausted' past the
   * bounds of a walk. Every directory given is leased.
   */
  directories(root: Digest, signal?: AbortSignal): AsyncIterable<VisitedDirectory>;
}
