import type { Digest } from '../core/digest.ts';
import type { InstanceName } from '../core/instance-name.ts';
import type { CopiedContent, CopiedName } from './copied-name.ts';

/** Where names and blobs are copied from: a server, or a directory. Nothing there is changed. Errors are CacheErrors. */
export interface CopySource {
  /** What is under a name: nothing, one thing, or an asset of each kind. Nothing also where a server says that it is not whole. */
  contents(name: CopiedName, signal: AbortSignal): Promise<readonly CopiedContent[]>;

  /** Those that are not here. */
  findMissing(
    instanceName: InstanceName,
    digests: readonly Digest[],
    signal: AbortSignal,
  ): Promise<readonly Digest[]>;

  /** Blobs that together fit into a batch, verified, in the order asked for; undefined for one that is not here, or is damaged. */
  readAll(
    instanceName: InstanceName,
    digests: readonly Digest[],
    signal: AbortSignal,
  ): Promise<readonly (Uint8Array | undefined)[]>;

  /**
   * A blob of any size from an offset on, in memory that does not grow with it. From 0 on it is verified: its last bytes are
   * not given before all are known to be right. Rejects with 'not-found' when it is not here, or is damaged.
   */
  read(
    instanceName: InstanceName,
    digest: Digest,
    offset: number,
    signal: AbortSignal,
  ): AsyncIterable<Uint8Array>;

  /** Most bytes of blobs that readAll() can be asked for. */
  readonly batchBytes: number;

  close(): Promise<void>;
}

/** A blob with its bytes. */
export interface BlobBytes {
  readonly digest: Digest;
  readonly bytes: Uint8Array;
}

/** Where they are copied to: a server, or a directory. Nothing is removed there. Errors are CacheErrors. */
export interface CopyTarget {
  /** Whether the same is under this name already, and whole as far as the target answers for that. */
  has(content: CopiedContent, signal: AbortSignal): Promise<boolean>;

  /** Those that have to be sent, each once. */
  findMissing(
    instanceName: InstanceName,
    digests: readonly Digest[],
    signal: AbortSignal,
  ): Promise<readonly Digest[]>;

  /** Stores blobs that together fit into a batch. */
  putAll(instanceName: InstanceName, blobs: readonly BlobBytes[], signal: AbortSignal): Promise<void>;

  /** Stores a large blob. `bytesFrom` gives its bytes from an offset on, and may be asked again: an upload that was cut goes on where it was. */
  upload(
    instanceName: InstanceName,
    digest: Digest,
    bytesFrom: (offset: number) => AsyncIterable<Uint8Array>,
    signal: AbortSignal,
  ): Promise<void>;

  /** Makes the name mean this. Rejects with 'failed-precondition' when something that it leads to is not here (any more). */
  write(content: CopiedContent, signal: AbortSignal): Promise<void>;

  /** Most bytes of blobs that putAll() can be given. */
  readonly batchBytes: number;

  close(): Promise<void>;
}

/** Blobs at the source that a name leads to and that are not there: what is skipped, and not what has failed. */
export class NotWholeError extends Error {
  override readonly name = 'NotWholeError';
}
