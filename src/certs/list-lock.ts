import { open, readFile, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { noFolder } from './certificate-folder.ts';

/** Who has it is written in it, for people. */
const lockFileName = '.lock';
/** A change takes milliseconds. */
const patienceMs = 30_000;
const pauseMs = 25;

/** Another command has the list, and does not give it back. */
class ListLockedError extends Error {
  override readonly name = 'ListLockedError';
}

/**
 * Does `change` while no other command changes the list of the folder. Each of them reads a file, and puts another in its
 * place: of two at once the later would undo the earlier, and whoever was revoked could push again. Rejects with
 * ListLockedError, and does nothing, where another does not end.
 *
 * A lock whose holder was killed is not taken over: who looks from another container cannot tell that it was, and of two
 * that take it over at once one would remove the other's.
 */
export async function whileListIsLocked<T>(folder: string, change: () => Promise<T>): Promise<T> {
  const path = join(folder, lockFileName);
  const deadline = performance.now() + patienceMs;
  while (!(await taken(path))) {
    if (performance.now() > deadline) throw await locked(path);
    await sleep(pauseMs);
  }
  try {
    return await change();
  } finally {
    await rm(path, { force: true });
  }
}

async function taken(path: string): Promise<boolean> {
  try {
    const file = await open(path, 'wx', 0o644);
    try {
      await file.writeFile(`process ${process.pid}, since ${new Date().toISOString()}\n`);
    } finally {
      await file.close();
    }
    return true;
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'EEXIST') return false;
    if (code === 'ENOENT' || code === 'ENOTDIR') throw noFolder(dirname(path));
    throw error;
  }
}

async function locked(path: string): Promise<ListLockedError> {
  const who = await readFile(path, 'utf8').catch(() => '');
  return new ListLockedError(
    `another weir certs changes the list (${who.trim() || 'it does not say which'}): try again, or remove ${path} if none is running`,
  );
}
