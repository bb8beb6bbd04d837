import { execFile } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { promisify } from 'node:util';

const file = '/proc/sys/vm/drop_caches';
/** Pages of files, and what is known of names and folders. */
const everything = '3';

/** Why this process may not empty it; undefined when it may. */
export function pageCacheFault(): string | undefined {
  try {
    accessSync(file, constants.W_OK);
    return undefined;
  } catch {
    return `only root on a machine of its own may empty the page cache (${file})`;
  }
}

/** Has the kernel forget what it has of every file of the machine, so that the next read of it is the disk's. */
export async function dropPageCache(): Promise<void> {
  // What is not written yet would stay.
  await promisify(execFile)('sync');
  await writeFile(file, everything);
}
