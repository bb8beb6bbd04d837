// What tests get once and keep between runs, in a folder that is named by its recipe: another recipe is another
// folder. Whoever deletes one gets it made again.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';

/** Where the folder is, or would be. The recipe is the contents of these files. */
export function keptFolder(name: string, recipe: string, files: readonly string[]): string {
  const hash = createHash('sha256');
  for (const file of files) hash.update(readFileSync(join(recipe, file)));
  const cache = process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache');
  return join(cache, 'weir', `${name}-${hash.digest('hex').slice(0, 12)}`);
}

/** Has it filled under another name: only a whole one gets its own. Where another process was faster its is as good. */
export function keep(folder: string, fill: (unfinished: string) => boolean): void {
  mkdirSync(dirname(folder), { recursive: true });
  const unfinished = mkdtempSync(`${folder}.`);
  try {
    if (fill(unfinished)) publish(unfinished, folder);
  } finally {
    rmSync(unfinished, { recursive: true, force: true });
  }
}

function publish(unfinished: string, folder: string): void {
  try {
    renameSync(unfinished, folder);
  } catch (error) {
    if (!existsSync(folder)) throw error;
  }
}
