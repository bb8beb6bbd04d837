import { createHash, randomUUID } from 'node:crypto';
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
import type { FileCalls } from './file-calls.ts';
import type { Layout } from './layout.ts';
import type { Leases } from './leases.ts';
import { errnoOf, isAbsent } from './volume-error.ts';

export interface Records {
  readSealed(path: string, maxBytes: number): Promise<Uint8Array | undefined>;
  touch(path: string): Promise<boolean>;
  writeSealed(path: string, bytes: Uint8Array): Promise<void>;
}

export function volumeRecords(_calls: FileCalls, layout: Layout, leases: Leases): Records {
  const seal = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest();
  return {
    async readSealed(path, maxBytes) {
      try {
        const handle = await openRegular(path);
        try {
          const { size } = await handle.stat();
          if (size < 32 || size > maxBytes + 32) return undefined;
          const buffer = Buffer.alloc(size);
          await readFully(handle, buffer, 0);
          const bytes = buffer.subarray(0, -32);
          return seal(bytes).equals(buffer.subarray(-32)) ? bytes : undefined;
        } finally {
          await handle.close();
        }
      } catch (error) {
        if (isAbsent(error) || errnoOf(error) === 'EISDIR') return undefined;
        throw error;
      }
    },
    touch: async (path) => (await leases.touchFile(path)) !== undefined,
    async writeSealed(path, bytes) {
      const temporary = layout.temporaryFile(randomUUID());
      try {
        await mkdir(dirname(path), { recursive: true });
        const handle = await createNew(temporary, referenceMode);
        try {
          await writeFully(handle, Buffer.concat([bytes, seal(bytes)]), 0);
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
