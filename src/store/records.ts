import { hash, randomUUID } from 'node:crypto';
import type { Stats } from 'node:fs';
import { join } from 'node:path';
import type { RecordDurability } from './durability.ts';
import { createNew, discard, referenceMode, renameOver, writeFully } from './durable-file.ts';
import { recordTrashName } from './evictable.ts';
import type { FileCalls } from './file-calls.ts';
import type { Layout } from './layout.ts';
import type { Leases } from './leases.ts';
import { foundOrNowhere, shortestGraceMs } from './trash.ts';
import { isAbsent } from './volume-error.ts';

/** Small files that are found by a key. Errors are those of the system calls. */
export interface Records {
  /** The bytes; undefined for a file that is absent, empty or larger than this: an empty one is what an old crash leaves. */
  read(path: string, maxBytes: number): Promise<Uint8Array | undefined>;
  /** The same for what writeSealed() wrote; undefined too when it is not exactly that any more. */
  readSealed(path: string, maxBytes: number): Promise<Uint8Array | undefined>;
  /** Leases the record itself; false when it is gone. */
  touch(path: string): Promise<boolean>;
  /** Visible at once and whole; when it resolves, on disk as far as RecordDurability promises. */
  write(path: string, bytes: Uint8Array): Promise<void>;
  /**
   * The same, with the SHA-256 of the bytes behind them: half of a message can be a message too, and would be a
   * wrong answer.
   */
  writeSealed(path: string, bytes: Uint8Array): Promise<void>;
}

/** What a seal adds to a record. */
export const sealBytes = 32;

/** What was sealed; undefined for bytes that are not exactly that any more. */
export function unsealed(sealed: Uint8Array | undefined): Uint8Array | undefined {
  if (sealed === undefined || sealed.length < sealBytes) return undefined;
  const bytes = sealed.subarray(0, -sealBytes);
  return sealOf(bytes).equals(sealed.subarray(-sealBytes)) ? bytes : undefined;
}

export function volumeRecords(
  calls: FileCalls,
  layout: Layout,
  leases: Leases,
  durability: RecordDurability,
): Records {
  async function readInPlace(path: string, maxBytes: number): Promise<Uint8Array | undefined | 'absent'> {
    const file = await calls.readSmall(path, 1, maxBytes);
    return file === undefined ? 'absent' : file.bytes;
  }

  /** Takes it from the trash, when it is on its way out. Linking sets ctime, which renews the lease. */
  async function bringBack(path: string): Promise<void> {
    for (const trashed of await inTrash(path)) {
      try {
        // As with blobs (trash.ts): a janitor that moves it again must see that somebody needs it.
        if (!(await calls.refresh(trashed, leases.now()))) continue;
        await calls.link(trashed, path);
        return;
      } catch (error) {
        if (!isAbsent(error)) throw error;
      }
    }
  }

  /** Names of its file in the trash. Of several files the one used last: others are what it was before it was written anew. */
  async function inTrash(path: string): Promise<string[]> {
    const copies: { trashed: string; stats: Stats }[] = [];
    for (const run of await calls.names(layout.trash)) {
      const trashed = join(layout.trash, run, recordTrashName(layout, path));
      const stats = await calls.stat(trashed);
      if (stats !== undefined) copies.push({ trashed, stats });
    }
    copies.sort((one, other) => other.stats.mtimeMs - one.stats.mtimeMs);
    return copies.filter(({ stats }) => stats.ino === copies[0]?.stats.ino).map(({ trashed }) => trashed);
  }

  async function read(path: string, maxBytes: number): Promise<Uint8Array | undefined> {
    const inPlace = await readInPlace(path, maxBytes);
    if (inPlace !== 'absent') return inPlace;
    const back = await foundOrNowhere(async () => {
      await bringBack(path);
      const bytes = await readInPlace(path, maxBytes);
      return bytes === 'absent' ? undefined : { bytes };
    }, shortestGraceMs);
    return back?.bytes;
  }

  async function write(path: string, bytes: Uint8Array): Promise<void> {
    const temporary = layout.temporaryFile(randomUUID());
    try {
      const handle = await createNew(temporary, referenceMode);
      try {
        await writeFully(handle, bytes, 0);
        await durability.syncRecord(handle);
      } finally {
        await handle.close();
      }
      await renameOver(temporary, path);
      await durability.syncName(path);
    } catch (error) {
      await discard(temporary).catch(() => {});
      throw error;
    }
  }

  return {
    read,
    write,
    async readSealed(path, maxBytes) {
      return unsealed(await read(path, maxBytes + sealBytes));
    },
    writeSealed: (path, bytes) => write(path, Buffer.concat([bytes, sealOf(bytes)])),
    async touch(path) {
      if ((await leases.touchFile(path)) !== undefined) return true;
      const back = await foundOrNowhere(async () => {
        await bringBack(path);
        return await leases.touchFile(path);
      }, shortestGraceMs);
      return back !== undefined;
    },
  };
}

function sealOf(bytes: Uint8Array): Buffer {
  return hash('sha256', bytes, 'buffer');
}
