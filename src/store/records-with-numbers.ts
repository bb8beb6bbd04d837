import type { Records } from './records.ts';
import type { Space } from './space.ts';
import { errnoOf, isFull } from './volume-error.ts';

/** Records whose errors for want of room have the numbers of the volume; all others are those of the system calls. */
export function recordsWithNumbers(records: Records, space: Pick<Space, 'writeFailed'>): Records {
  const told = async (writing: Promise<void>) => {
    try {
      await writing;
    } catch (error) {
      throw isFull(errnoOf(error)) ? await space.writeFailed(error, 'writing a record') : error;
    }
  };
  return {
    ...records,
    write: (path, bytes) => told(records.write(path, bytes)),
    writeSealed: (path, bytes) => told(records.writeSealed(path, bytes)),
  };
}
