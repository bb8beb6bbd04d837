import type { BlobReading } from './blob-store.ts';
import type { Digest } from './digest.ts';

/** So many entries of a folder are given at once. */
export const entriesPerPage = 200;

/** A part of a folder: entries in the order of their names, and where the next part begins. */
export interface FolderPage<Entry> {
  readonly entries: readonly Entry[];
  /** The name behind which the next part begins; undefined at the end. */
  readonly next: string | undefined;
}

/** Something in a folder of references: a folder of more of them, or one reference. */
export interface ReferenceEntry {
  readonly name: string;
  readonly type: 'folder' | 'reference';
  /** When it was last used or written; of a folder undefined. Milliseconds since 1970. */
  readonly usedAtMs: number | undefined;
}

/** What a folder of a tree holds, with all folders below it. */
export interface TreeTotals {
  readonly files: number;
  readonly folders: number;
  /** Of its files, as the tree has them; two that are equal count twice. */
  readonly bytes: number;
}

/** What is known of a blob by a look at its place; its bytes are not read for that. */
export type BlobPresence = 'present' | 'missing' | 'damaged';

/** Something in a folder of a tree. */
export interface TreeEntry {
  readonly name: string;
  readonly type: 'file' | 'folder' | 'symlink';
  /** Of a file; of a folder, of all files below it, undefined where there are too many to add up. */
  readonly sizeBytes: number | undefined;
  readonly totals: TreeTotals | undefined;
  readonly isExecutable: boolean;
  /** Undefined for symlinks. */
  readonly digest: Digest | undefined;
  /** Of a symlink. */
  readonly target: string | undefined;
  readonly presence: BlobPresence;
}

/** A record that was looked into. */
export interface RecordView {
  /** As people name it; `Browser.record` takes it. */
  readonly name: string;
  readonly kind: 'reference' | 'asset' | 'action' | 'value';
  /** When it was last used or written. Milliseconds since 1970. */
  readonly usedAtMs: number;
  /** `unreadable`: the file is no such record, or a damaged one. `expired`: nobody gets it any more. */
  readonly state: 'readable' | 'expired' | 'unreadable';
}

/** A folder of a record's tree, or a file of it. */
export type TreePlace =
  | {
      readonly type: 'folder';
      readonly record: RecordView;
      readonly page: FolderPage<TreeEntry>;
      /** Of the folder; undefined where there are too many to add up. */
      readonly totals: TreeTotals | undefined;
      /** Of the folder's own blob. */
      readonly presence: BlobPresence;
    }
  | { readonly type: 'file'; readonly record: RecordView; readonly file: TreeEntry };

/**
 * What is on a volume, for somebody who looks around. Nothing is leased, touched or changed by it. What is asked for is
 * text from a request: each rejects with 'invalid-argument' for what can be no name, and gives undefined where nothing has it.
 */
export interface Browser {
  /** Names of the instances that have references, in their order; so many at most. The unnamed one is always the first. */
  instances(): Promise<readonly string[]>;
  /** What is in a folder of references: `folder` is empty, or segments with slashes between. */
  references(
    instanceName: string,
    folder: string,
    after: string,
    signal: AbortSignal,
  ): Promise<FolderPage<ReferenceEntry> | undefined>;
  /** What is at a path of what a record leads to. Only the folders on the way there are read, and so many below it for their sizes. */
  record(name: string, path: string, after: string, signal: AbortSignal): Promise<TreePlace | undefined>;
  /** The bytes of a blob from its beginning, verified as for any client. */
  read(digest: Digest): Promise<BlobReading>;
}
