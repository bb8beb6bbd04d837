import { CacheError } from '../core/cache-error.ts';
import { type BlobName, digestText } from '../core/digest.ts';
import type { Instant } from '../core/instant.ts';
import type { Durability } from './durability.ts';
import { openUnnoticed, readFully } from './durable-file.ts';
import type { Layout } from './layout.ts';
import { type ReachChecker, reachChecker, type WideReach } from './reach.ts';
import { readingOf, type RecordKind, segmentsBelow } from './record-contents.ts';
import { storedTrees } from './trees.ts';
import { untouchedBlobs } from './untouched-blobs.ts';
import { isAbsent } from './volume-error.ts';
import { noTrees } from './whole-trees.ts';

/** What a look at a record has shown. The record is as unused as before where `reaches` leases nothing. */
export interface RecordLook {
  readonly kind: RecordKind;
  /** The file that was looked at: another one is there when somebody has written it anew. */
  readonly ino: number;
  readonly mtimeMs: number;
  readonly ctimeMs: number;
  /**
   * `incomplete`: something that it leads to is not here, or is not what it has to be; `unbounded`: it leads to more than
   * a walk takes; `foreign`: no name that a record could have; `expired`: nobody gets it any more.
   */
  readonly state: 'whole' | 'incomplete' | 'unbounded' | 'unreadable' | 'foreign' | 'expired';
  /** In words what is wrong. */
  readonly detail?: string;
}

const missingNamed = 3;
/** Nothing rests on what is only looked at. */
const noDurability: Durability = { isSynced: () => true, sync: () => Promise.resolve() };
const noReach: WideReach = { blobs: [], directories: [], trees: [] };

/** Checks what records lead to, and leases nothing. `isDamaged`: as untouchedBlobs() has it. */
export function untouchedReaches(layout: Layout, isDamaged: (name: BlobName) => boolean): ReachChecker {
  const { blobs, leases } = untouchedBlobs(layout, isDamaged);
  return reachChecker(blobs, storedTrees(blobs, leases), noDurability, noTrees);
}

/** Looks at the record in a file below one of the folders of records; undefined when it is gone. */
export async function lookAtRecord(
  layout: Layout,
  reaches: ReachChecker,
  recordRoot: string,
  path: string,
  now: Instant,
  signal?: AbortSignal,
): Promise<RecordLook | undefined> {
  const reading = readingOf(recordRoot);
  const file = await readRecord(path, reading.longest);
  if (file === undefined) return undefined;
  const { bytes, ...identity } = file;
  const look = { kind: reading.kind, ...identity };
  if (bytes === undefined) return { ...look, state: 'unreadable' };
  const said = await reading.contents(layout, segmentsBelow(recordRoot, path), bytes, now);
  if (typeof said === 'string') return { ...look, state: said };
  return { ...look, ...(await stateOf(reaches, said, signal)) };
}

async function stateOf(
  reaches: ReachChecker,
  reach: WideReach,
  signal: AbortSignal | undefined,
): Promise<Pick<RecordLook, 'state' | 'detail'>> {
  try {
    const { missing } = await reaches.check({ ...noReach, ...reach }, signal);
    if (missing.length === 0) return { state: 'whole' };
    const names = missing.slice(0, missingNamed).map(digestText);
    return {
      state: 'incomplete',
      detail: `missing: ${names.join(', ')}${missing.length > names.length ? ', …' : ''}`,
    };
  } catch (error) {
    if (!(error instanceof CacheError)) throw error;
    const detail = error.message;
    if (error.kind === 'invalid-argument' || error.kind === 'not-found')
      return { state: 'incomplete', detail };
    if (error.kind === 'resource-exhausted') return { state: 'unbounded', detail };
    throw error;
  }
}

export interface RecordFile {
  readonly ino: number;
  readonly mtimeMs: number;
  readonly ctimeMs: number;
  /** Undefined when it is empty or too long. */
  readonly bytes: Buffer | undefined;
}

/** A file of records, read without a trace; undefined when it is not there. */
export async function readRecord(path: string, longest: number): Promise<RecordFile | undefined> {
  try {
    const { handle, stats } = await openUnnoticed(path);
    try {
      const { ino, size, mtimeMs, ctimeMs } = stats;
      const identity = { ino, mtimeMs, ctimeMs };
      if (size === 0 || size > longest) return { ...identity, bytes: undefined };
      const bytes = Buffer.alloc(size);
      return { ...identity, bytes: (await readFully(handle, bytes, 0)) === size ? bytes : undefined };
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw error;
  }
}
