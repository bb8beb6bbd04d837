import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createNew, discard, renameOver, writeFully } from './durable-file.ts';
import { blobPrefixes, type Layout } from './layout.ts';
import { isAbsent, volumeError } from './volume-error.ts';

/** How far a pass of the background scrub is, for the server that goes on with it. */
export interface ScrubState {
  /** Of the 256 folders, so many are done; 256: the pass is over. */
  readonly prefix: number;
  /** When the pass began. Milliseconds since 1970. */
  readonly began: number;
  readonly blobs: number;
  readonly bytes: number;
  readonly quarantined: number;
  /** Who does it; empty for nobody. */
  readonly server: string;
  /** Counted up as long as that server is at it. */
  readonly renewed: number;
}

/** Before the first pass. */
export const noScrubYet: ScrubState = {
  prefix: blobPrefixes.length,
  began: 0,
  blobs: 0,
  bytes: 0,
  quarantined: 0,
  server: '',
  renewed: 0,
};

/** Undefined where there is none, or none that makes sense: then a pass begins. */
export async function readScrubState(layout: Layout): Promise<ScrubState | undefined> {
  try {
    const found = JSON.parse(await readFile(layout.scrub, 'utf8')) as Partial<ScrubState>;
    const state = { ...noScrubYet, ...found };
    const counts = [state.began, state.blobs, state.bytes, state.quarantined, state.renewed];
    const isPrefix = isCount(state.prefix) && state.prefix <= blobPrefixes.length;
    return isPrefix && counts.every(isCount) && typeof state.server === 'string' ? state : undefined;
  } catch (error) {
    if (isAbsent(error) || error instanceof SyntaxError) return undefined;
    throw volumeError(error, 'reading how far the scrub is');
  }
}

/** Replaces it. Not synced: after a power cut a part of the volume is scrubbed twice. */
export async function writeScrubState(layout: Layout, state: ScrubState): Promise<void> {
  const temporary = layout.temporaryFile(randomUUID());
  try {
    const handle = await createNew(temporary, 0o600);
    try {
      await writeFully(handle, Buffer.from(`${JSON.stringify(state)}\n`), 0);
    } finally {
      await handle.close();
    }
    await renameOver(temporary, layout.scrub);
  } catch (error) {
    await discard(temporary).catch(() => {});
    throw volumeError(error, 'writing how far the scrub is');
  }
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
