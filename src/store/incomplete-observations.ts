import { createHash, randomUUID } from 'node:crypto';
import { lstat, readFile } from 'node:fs/promises';
import { relative } from 'node:path';
import type { Clock } from '../core/clock.ts';
import { createNew, discard, renameOver, writeFully } from './durable-file.ts';
import type { Layout } from './layout.ts';
import { isAbsent, volumeError } from './volume-error.ts';

/**
 * Which records were seen incomplete, and since when. Kept in a file, so that a server that is started anew, or another
 * one, goes on; and of bounded size: more are noted when some of these are gone.
 */
export interface IncompleteObservations {
  /** Takes over what the file has. One that makes no sense is as good as none. */
  load(): Promise<void>;
  /** Replaces the file. Not synced: what a power cut takes is seen again. */
  save(): Promise<void>;
  /** Another pass over all records begins. */
  beginPass(): void;
  /** Those that this pass has not seen are whole again, or gone. */
  endPass(): void;
  /**
   * Since when a record has been seen incomplete, which is now for one that was written or used since: `mark` tells.
   * Undefined where there is no place for another. Milliseconds since 1970.
   */
  note(path: string, mark: string): number | undefined;
  /** It is gone. */
  forget(path: string): void;
  /** How many wait to be seen again, as far as this pass knows. */
  count(): number;
}

interface Observation {
  readonly since: number;
  readonly mark: string;
}

const mostObserved = 10_000;
/** More than so many lines have. Bytes. */
const longestFile = 4 * 1024 * 1024;
const line = /^([\w-]{22}) (\d{1,15}) (\S{1,100})$/;

/** None are noted yet. */
export function incompleteObservations(layout: Layout, clock: Clock): IncompleteObservations {
  let before = new Map<string, Observation>();
  let seen = new Map<string, Observation>();
  let saved = '';

  return {
    async load() {
      saved = await readIfPresent(layout.incomplete);
      before = observationsIn(saved);
      seen = new Map();
    },

    async save() {
      const all = new Map([...before, ...seen]);
      const lines = [...all].map(([key, { since, mark }]) => `${key} ${since} ${mark}\n`).join('');
      if (lines === saved) return;
      await replaceFile(layout, lines);
      saved = lines;
    },

    beginPass() {
      seen = new Map();
    },
    endPass() {
      before = seen;
    },

    note(path, mark) {
      const key = keyOf(relative(layout.root, path));
      const known = before.get(key);
      const now = clock();
      // A clock that was set back says nothing.
      const goesOn = known?.mark === mark && known.since <= now;
      const observation = goesOn ? known : { since: now, mark };
      if (seen.size >= mostObserved && !seen.has(key)) return undefined;
      seen.set(key, observation);
      return observation.since;
    },

    forget(path) {
      const key = keyOf(relative(layout.root, path));
      before.delete(key);
      seen.delete(key);
    },
    count: () => seen.size,
  };
}

/**
 * Since when servers have seen a record incomplete, as far as their note says; it may be whole by now. Nothing is changed. Undefined
 * for one that is not noted. Milliseconds since 1970.
 */
export async function seenIncompleteSince(layout: Layout, path: string): Promise<number | undefined> {
  const observations = observationsIn(await readIfPresent(layout.incomplete));
  return observations.get(keyOf(relative(layout.root, path)))?.since;
}

/** Of one length, whatever the path is. */
function keyOf(path: string): string {
  return createHash('sha256').update(path).digest().subarray(0, 16).toString('base64url');
}

function observationsIn(text: string): Map<string, Observation> {
  const found = new Map<string, Observation>();
  for (const one of text.split('\n')) {
    const [, key, since, mark] = line.exec(one) ?? [];
    if (key === undefined || mark === undefined || found.size >= mostObserved) continue;
    found.set(key, { since: Number(since), mark });
  }
  return found;
}

async function readIfPresent(path: string): Promise<string> {
  try {
    const stats = await lstat(path);
    return stats.isFile() && stats.size <= longestFile ? await readFile(path, 'latin1') : '';
  } catch (error) {
    if (isAbsent(error)) return '';
    throw volumeError(error, 'reading which records were seen incomplete');
  }
}

async function replaceFile(layout: Layout, text: string): Promise<void> {
  const temporary = layout.temporaryFile(randomUUID());
  try {
    const handle = await createNew(temporary, 0o600);
    try {
      await writeFully(handle, Buffer.from(text, 'latin1'), 0);
    } finally {
      await handle.close();
    }
    await renameOver(temporary, layout.incomplete);
  } catch (error) {
    await discard(temporary).catch(() => {});
    throw volumeError(error, 'writing which records were seen incomplete');
  }
}
