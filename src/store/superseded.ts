import { lstatSync, readdirSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import type { Layout } from './layout.ts';
import { isAbsent } from './volume-error.ts';

/**
 * Removes from the trash what a record was before it was written anew. It has to go first when the record itself goes:
 * with nothing in its place, whoever asks for it would take the old value from there. `trashName` is where it rests
 * below a run's folder. Blocks its thread.
 */
export function dropSuperseded(layout: Layout, path: string, trashName: string): void {
  const current = lstatSync(path, { throwIfNoEntry: false });
  if (current === undefined) return;
  for (const run of unlessAbsent(() => readdirSync(layout.trash)) ?? []) {
    const trashed = join(layout.trash, run, trashName);
    const copy = unlessAbsent(() => lstatSync(trashed));
    // Younger ones are what it has become since our look, moved by another janitor.
    if (copy === undefined || copy.ino === current.ino || copy.mtimeMs >= current.mtimeMs) continue;
    unlessAbsent(() => unlinkSync(trashed));
  }
}

function unlessAbsent<T>(call: () => T): T | undefined {
  try {
    return call();
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw error;
  }
}
