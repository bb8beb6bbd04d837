import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { setImmediate as pause } from 'node:timers/promises';
import { type NumberedBlobs, numberedBlob } from '../load/numbered-blobs.ts';
import type { Server } from '../servers/server.ts';
import type { Say } from './work.ts';

/** Files between two looks at whether we are to end. */
const atOnce = 1000;

/**
 * Puts them into the volume as uploads would have left them, while the server is ended: to upload a million takes an
 * hour. Throws for a server that does not keep a blob in a file of its own.
 */
export async function fillVolume(server: Server, { count, bytes }: NumberedBlobs, say: Say): Promise<void> {
  const { kind, folder } = server;
  if (kind.blobFile === undefined) throw new Error(`${kind.name} can be filled by uploads only`);
  await server.end();
  const made = new Set<string>();
  for (let number = 0; number < count; number++) {
    if (number % atOnce === 0) {
      say(`${number.toLocaleString('en')} of ${count.toLocaleString('en')} blobs`);
      await pause();
    }
    const { digest, data } = numberedBlob(number, bytes);
    const file = kind.blobFile(folder, digest.hash);
    const parent = dirname(file);
    if (!made.has(parent)) mkdirSync(parent, { recursive: true });
    made.add(parent);
    writeFileSync(file, data);
  }
  say('starts with all of them');
  await server.start();
}
