import { randomUUID } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import {
  createNew,
  discard,
  openRegular,
  readFully,
  referenceMode,
  renameOver,
  syncUpwards,
  writeFully,
} from './durable-file.ts';
import type { Layout } from './layout.ts';
import type { Leases } from './leases.ts';
import { errnoOf, isAbsent } from './volume-error.ts';

/** Small files that are found by a key. Errors are those of the system calls. */
export interface Records {
  /** The bytes; undefined for a file that is absent, empty or larger than this: an empty one is what an old crash leaves. */
  read(path: string, maxBytes: number): Promise<Uint8Array | undefined>;
  /** Leases the record itself; false when it is gone. */
  touch(path: string): Promise<boolean>;
  /** Visible at once and whole, and on disk when it resolves. */
  write(path: string, bytes: Uint8Array): Promise<void>;
}

export function volumeRecords(layout: Layout, leases: Leases): Records {
  return {
    async read(path, maxBytes) {
      const inPlace = await readInPlace(path, maxBytes);
      return inPlace === 'absent' ? undefined : inPlace;
    },
    touch: async (path) => (await leases.touchFile(path)) !== undefined,
    async write(path, bytes) {
      const temporary = layout.temporaryFile(randomUUID());
      try {
        await mkdir(dirname(path), { recursive: true });
        const handle = await createNew(temporary, referenceMode);
        try {
          await writeFully(handle, bytes, 0);
          await handle.sync();
        } finally {
          await handle.close();
        }
        await renameOver(temporary, path);
        await syncUpwards(dirname(path), layout.root);
      } catch (error) {
        await discard(temporary).catch(() => {});
        throw error;
      }
    },
  };
}

async function readInPlace(path: string, maxBytes: number): Promise<Uint8Array | undefined | 'absent'> {
  try {
    const handle = await openRegular(path);
    try {
      const { size } = await handle.stat();
      if (size === 0 || size > maxBytes) return undefined;
      const buffer = Buffer.alloc(size);
      return (await readFully(handle, buffer, 0)) === size ? buffer : undefined;
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (errnoOf(error) === 'EISDIR') return undefined;
    if (isAbsent(error)) return 'absent';
    throw error;
  }
}
