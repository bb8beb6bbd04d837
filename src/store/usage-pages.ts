import { randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { mkdir, open, readdir, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { discard, openRegular, readFully, withFolder, writeFully } from './durable-file.ts';
import type { Layout } from './layout.ts';
import {
  decodeUsagePage,
  encodeUsagePage,
  noUsage,
  type UsageCounts,
  type UsagePage,
  usagePageBytes,
} from './usage-counts.ts';
import { isAbsent } from './volume-error.ts';

/** Another server on the volume, as far as it tells. */
export interface OtherServer {
  readonly counts: UsageCounts;
  /** What was in its page when we began to look; nothing, where it came later. */
  readonly first: UsageCounts;
  /** When its page changed last, by our performance.now(). */
  readonly changedAt: number;
  /** Since when its page is gone. */
  readonly goneSince: number | undefined;
}

/**
 * How servers on one volume know what each other writes, without a lock: each has a page of its own, a small file
 * that only it writes, and reads those of the others. The page is written over in place, which takes no room.
 */
export interface UsagePages {
  /** What we tell. Changed by whoever owns us; others see it after the next post(). */
  readonly told: UsageCounts;
  /** By the names of their pages; those that are gone stay until forget(). */
  readonly others: ReadonlyMap<string, OtherServer>;
  /** Whether there are any whom it would tell something. */
  hasReaders(): boolean;
  /** Reads what changed. `freed` is told of bytes that others have removed since about so long, by performance.now(). */
  read(freed: (bytes: number, since: number) => void): Promise<void>;
  /** Writes what we tell as it is now. Never rejects: a volume that takes no page takes no upload either. */
  post(): Promise<void>;
  /** Says that we still run, and removes the pages of servers that have not said so for minutes. */
  renew(): Promise<void>;
  /** Drops what is remembered of a server whose page is gone. */
  forget(id: string): void;
  /** The orderly end. */
  close(): Promise<void>;
}

/** Six times what passes between two renewals. */
const deadAfterMs = 180_000;
const tornReads = 3;

interface Seen extends OtherServer {
  readonly beat: number;
  readonly mtimeMs: number;
}

export function usagePages(layout: Layout): UsagePages {
  const id = randomUUID();
  const path = join(layout.usage, id);
  const told = noUsage();
  const others = new Map<string, Seen>();
  let beat = 0;
  let readBefore = false;
  let readAt = performance.now();
  let posting = Promise.resolve();

  async function write(): Promise<void> {
    await withFolder(path, async () => {
      // Not kept open: a file system with a file open for writing cannot be made read-only.
      const handle = await open(path, constants.O_WRONLY | constants.O_CREAT | constants.O_NOFOLLOW, 0o600);
      try {
        await writeFully(handle, encodeUsagePage({ beat, counts: told }), 0);
      } finally {
        await handle.close();
      }
    });
  }

  async function afterwards(before: Promise<void>): Promise<void> {
    await before;
    beat++;
    await write().catch(() => {});
  }

  async function readOne(name: string, now: number, freed: (bytes: number, since: number) => void) {
    const found = await readPage(join(layout.usage, name));
    if (found === undefined) return;
    const before = others.get(name);
    const { beat: theirs, counts, mtimeMs } = found;
    if (before?.beat === theirs && before.mtimeMs === mtimeMs) return;
    // What it wrote before we first looked is in what we measure.
    const first = before?.first ?? (readBefore || theirs === 0 ? noUsage() : counts);
    others.set(name, { beat: theirs, counts, mtimeMs, first, changedAt: now, goneSince: undefined });
    const removed = counts.freedBytes - (before?.counts ?? first).freedBytes;
    // It ended between our last look and this one.
    if (removed > 0) freed(removed, readAt - (counts.freeingMs - (before?.counts ?? first).freeingMs));
  }

  async function pageNames(): Promise<string[]> {
    try {
      return await readdir(layout.usage);
    } catch (error) {
      if (isAbsent(error)) return [];
      throw error;
    }
  }

  async function post(): Promise<void> {
    posting = afterwards(posting);
    await posting;
  }

  return {
    told,
    others,
    hasReaders: () => [...others.values()].some(({ goneSince }) => goneSince === undefined),
    post,
    async read(freed) {
      const now = performance.now();
      const names = (await pageNames()).filter((name) => name !== id);
      await Promise.all(names.map((name) => readOne(name, now, freed)));
      for (const [name, other] of others)
        if (other.goneSince === undefined && !names.includes(name))
          others.set(name, { ...other, goneSince: now });
      readBefore = true;
      readAt = now;
    },
    async renew() {
      await utimes(path, new Date(), new Date()).catch(async (error: unknown) => {
        if (!isAbsent(error)) throw error;
        await mkdir(layout.usage, { recursive: true });
        await write();
      });
      const now = performance.now();
      for (const [name, { changedAt, goneSince }] of others)
        if (goneSince === undefined && now - changedAt > deadAfterMs) await discard(join(layout.usage, name));
    },
    forget: (name) => void others.delete(name),
    async close() {
      await posting;
      if (others.size === 0) await discard(path).catch(() => {});
    },
  };
}

/** Undefined for what is gone or cannot be read now. */
async function readPage(path: string): Promise<(UsagePage & { mtimeMs: number }) | undefined> {
  try {
    const { handle } = await openRegular(path);
    try {
      for (let tries = 0; tries < tornReads; tries++) {
        const bytes = Buffer.alloc(usagePageBytes);
        const count = await readFully(handle, bytes, 0);
        const page = decodeUsagePage(bytes.subarray(0, count));
        if (page !== undefined) return { ...page, mtimeMs: (await handle.stat()).mtimeMs };
      }
    } finally {
      await handle.close();
    }
  } catch {
    // What cannot be read now is read next time; what was known of it stays.
  }
  return undefined;
}
