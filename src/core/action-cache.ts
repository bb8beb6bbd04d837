import type { ActionResult } from '../gen/build/bazel/remote/execution/v2/remote_execution.ts';
import type { Digest } from './digest.ts';
import type { InstanceName } from './instance-name.ts';

/** A result that is kept. */
export interface KeptResult {
  readonly result: ActionResult;
  /** Of its message. */
  readonly sizeBytes: number;
}

/** Results of actions, by the digest of the action. Each instance has its own; the blobs are shared by all. */
export interface ActionCache {
  /**
   * The result, only when every blob that it reaches is here: output files, the files of output
   * directories, what was printed. All of them and the result itself are leased. Undefined otherwise.
   */
  get(
    instanceName: InstanceName,
    actionDigest: Digest,
    signal?: AbortSignal,
  ): Promise<KeptResult | undefined>;

  /**
   * Keeps a result, in place of an earlier one. Resolves when everything that it reaches is here, leased
   * and on disk, and then the result itself. Contents that it carries for its files are stored as blobs.
   * Rejects with 'failed-precondition' and what is missing; then nothing has changed. Gives back what is kept.
   */
  update(
    instanceName: InstanceName,
    actionDigest: Digest,
    result: ActionResult,
    signal?: AbortSignal,
  ): Promise<ActionResult>;
}
