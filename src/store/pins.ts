import { createHash, randomUUID } from 'node:crypto';
import { lstat } from 'node:fs/promises';
import { dirname, join, normalize, relative } from 'node:path';
import { CacheError } from '../core/cache-error.ts';
import { entriesIn } from './blob-files.ts';
import {
  createNew,
  discard,
  openRegular,
  readFully,
  renameOver,
  syncFolder,
  syncUpwards,
  writeFully,
} from './durable-file.ts';
import type { Layout } from './layout.ts';
import { isAbsent, volumeError } from './volume-error.ts';

/** Says that a record, and all that it reaches, is not to be evicted, whatever it reaches by then. */
export interface Pin {
  /** Where the record is, or will be. */
  readonly recordPath: string;
  /** What people call it. */
  readonly name: string;
  /** Milliseconds since 1970. */
  readonly pinnedAtMs: number;
  /** Why, and by whom, as somebody has said. */
  readonly note: string;
}

/** The file of a pin. */
export interface FoundPin {
  readonly path: string;
  /** Undefined for a file that is no pin, or cannot be read. */
  readonly pin: Pin | undefined;
  /** Why it could not be read, where that is for the volume to say. */
  readonly failure?: CacheError;
}

export const longestNote = 1000;
/** Of a URI that is longer, the file has the beginning. */
const longestName = 4000;
const longestFile = 64 * 1024;
/** A command may run as somebody else than the servers, which have to read it. */
const pinMode = 0o644;

/** Where the pin of a record is. A record's path may be longer than a name can be. */
function pinPath(layout: Layout, recordPath: string): string {
  const hash = createHash('sha256').update(relative(layout.root, recordPath)).digest('hex');
  return join(layout.pins, hash.slice(0, 32));
}

/** All pins, one after the other. Rejects with a CacheError when there is no telling which there are. */
export async function* pinsOn(layout: Layout): AsyncGenerator<FoundPin> {
  try {
    for await (const { name } of entriesIn(layout.pins)) {
      const path = join(layout.pins, name);
      const found = await readPin(layout, path);
      if (found instanceof CacheError) yield { path, pin: undefined, failure: found };
      else if (found !== 'absent') yield { path, pin: found };
    }
  } catch (error) {
    throw volumeError(error, 'reading the pins');
  }
}

/** The pin of a record, if it has one that can be read. */
export async function pinOf(layout: Layout, recordPath: string): Promise<Pin | undefined> {
  const found = await readPin(layout, pinPath(layout, recordPath));
  return found === 'absent' || found instanceof CacheError ? undefined : found;
}

/** Whether it has one, and be it one that cannot be read. */
export async function isPinned(layout: Layout, recordPath: string): Promise<boolean> {
  try {
    await lstat(pinPath(layout, recordPath));
    return true;
  } catch (error) {
    if (isAbsent(error)) return false;
    throw volumeError(error, 'looking for a pin');
  }
}

/** On disk when it resolves; replaces another of the same record. */
export async function writePin(layout: Layout, pin: Pin): Promise<void> {
  const temporary = layout.temporaryFile(randomUUID());
  const path = pinPath(layout, pin.recordPath);
  try {
    const handle = await createNew(temporary, pinMode);
    try {
      await writeFully(handle, Buffer.from(textOf(layout, pin)), 0);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await renameOver(temporary, path);
    await syncUpwards(dirname(path), layout.root);
  } catch (error) {
    await discard(temporary).catch(() => {});
    throw volumeError(error, 'writing a pin');
  }
}

/** False when there was none. */
export async function removePin(layout: Layout, recordPath: string): Promise<boolean> {
  const wasThere = await isPinned(layout, recordPath);
  try {
    await discard(pinPath(layout, recordPath));
    if (wasThere) await syncFolder(layout.pins);
  } catch (error) {
    throw volumeError(error, 'removing a pin');
  }
  return wasThere;
}

function textOf(layout: Layout, { recordPath, name, pinnedAtMs, note }: Pin): string {
  const record = relative(layout.root, recordPath);
  const pinnedAt = new Date(pinnedAtMs).toISOString();
  return `${JSON.stringify({ record, name: name.slice(0, longestName), pinnedAt, note })}\n`;
}

async function readPin(layout: Layout, path: string): Promise<Pin | undefined | 'absent' | CacheError> {
  try {
    const { handle, stats } = await openRegular(path);
    try {
      const bytes = Buffer.alloc(Math.min(stats.size, longestFile));
      return pinIn(layout, path, bytes.subarray(0, await readFully(handle, bytes, 0)).toString());
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (!isAbsent(error)) return volumeError(error, 'reading a pin');
    // A folder or a link in its place is no pin, and is there.
    return await lstat(path).then(
      () => undefined,
      () => 'absent' as const,
    );
  }
}

/** A file's name says which record it is for: one that names another, or nothing that could be a record, is no pin. */
function pinIn(layout: Layout, path: string, text: string): Pin | undefined {
  try {
    const { record, name, pinnedAt, note } = JSON.parse(text) as Record<string, unknown>;
    if (typeof record !== 'string' || record !== normalize(record)) return undefined;
    const recordPath = join(layout.root, record);
    const isRecord = layout.recordRoots.some((root) => recordPath.startsWith(`${root}/`));
    if (!isRecord || pinPath(layout, recordPath) !== path) return undefined;
    const pinnedAtMs = Date.parse(String(pinnedAt));
    if (typeof name !== 'string' || typeof note !== 'string' || Number.isNaN(pinnedAtMs)) return undefined;
    return { recordPath, name, pinnedAtMs, note };
  } catch {
    return undefined;
  }
}
