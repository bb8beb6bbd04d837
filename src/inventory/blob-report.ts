import { blobNameParts, type BlobName, isEmptyBlob } from '../core/digest.ts';
import type { WrittenDigest } from '../core/written-digest.ts';
import { blobFiles } from '../store/blob-files.ts';
import { lookForBlob, quarantinedSince } from '../store/blob-look.ts';
import type { Layout } from '../store/layout.ts';
import { lookAtBlob } from '../store/quarantine.ts';
import type { BlobState } from './directory-reader.ts';

/** All that a volume tells of a blob. */
export interface BlobReport {
  readonly state: Exclude<BlobState, 'no-directory'>;
  /** Of its file; undefined without one. Bytes. */
  readonly fileBytes: number | undefined;
  /** Whether the file's bytes give the hash; undefined where there is none to read. */
  readonly isSound: boolean | undefined;
  /** Milliseconds since 1970. */
  readonly usedAtMs: number | undefined;
  /** When a file of it was set aside, because its bytes did not give its hash; there may be a good one again. */
  readonly quarantinedAtMs: number | undefined;
}

/** Looks for a blob, and reads it: in place, without a trace. */
export async function reportOn(
  layout: Layout,
  { name, digest }: WrittenDigest,
  signal: AbortSignal,
  onRead: (bytes: number) => void = () => {},
): Promise<BlobReport> {
  const quarantinedAtMs = await quarantinedSince(layout, name);
  const look = await lookForBlob(layout, name, digest?.sizeBytes);
  // Servers make it when somebody asks for it.
  const isMade = look.place === 'missing' && digest !== undefined && isEmptyBlob(digest);
  if (isMade) return { state: 'present', fileBytes: 0, isSound: true, usedAtMs: undefined, quarantinedAtMs };
  if (look.place === 'missing')
    return {
      state: 'missing',
      fileBytes: undefined,
      isSound: undefined,
      usedAtMs: undefined,
      quarantinedAtMs,
    };
  const isSound = look.place === 'quarantined' ? false : await givesItsHash(layout, name, signal, onRead);
  const state = look.place === 'present' && isSound === false ? 'damaged' : look.place;
  return { state, fileBytes: look.fileBytes, isSound, usedAtMs: look.usedAtMs, quarantinedAtMs };
}

async function givesItsHash(
  layout: Layout,
  name: BlobName,
  signal: AbortSignal,
  onRead: (bytes: number) => void,
): Promise<boolean | undefined> {
  const look = lookAtBlob(layout, name, false);
  try {
    for (;;) {
      signal.throwIfAborted();
      const piece = await look.next();
      if (piece.done !== true) onRead(piece.value);
      // What rests in the trash is not read there.
      else return piece.value === 'absent' ? undefined : piece.value === 'good';
    }
  } finally {
    await look.return('absent');
  }
}

const sampled = 5000;

/**
 * When the blob was last used that was not used for longest, among some thousands: what a cache holds, in time. Undefined where
 * there are none. Milliseconds since 1970.
 */
export async function oldestUse(
  layout: Layout,
  name: BlobName,
  signal: AbortSignal,
): Promise<number | undefined> {
  let oldest: number | undefined;
  let seen = 0;
  // Hashes are uniform: one folder is as good as another.
  for await (const file of blobFiles(layout, blobNameParts(name).hash.slice(0, 2))) {
    signal.throwIfAborted();
    if (file.name === undefined) continue;
    const { usedAtMs, place } = await lookForBlob(layout, file.name, undefined);
    if (place === 'present') oldest = Math.min(oldest ?? usedAtMs, usedAtMs);
    if (++seen >= sampled) break;
  }
  return oldest;
}
