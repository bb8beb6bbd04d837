// One process of the lease storm: touches blobs, remembers each promise and looks whether it is kept; or
// evicts whatever may go. Started with its settings as the only argument, prints its tally at the end.
import { createHash, randomUUID } from 'node:crypto';
import { layoutOf } from '../../src/store/layout.ts';
import { leaseMemory } from '../../src/store/lease-memory.ts';
import { fileTimeLeases } from '../../src/store/leases.ts';
import { blockingFileCalls } from '../../src/store/blocking-file-calls.ts';
import { evict } from '../../src/store/eviction.ts';
import { blobMode } from '../../src/store/durable-file.ts';
import { publishBlob } from '../../src/store/publish.ts';
import { openBlob } from '../../src/store/trash.ts';

import { blobName, type Digest, digestOf } from '../../src/core/digest.ts';
import type { Observer } from '../../src/core/observer.ts';
import { setTimeout as sleep } from 'node:timers/promises';

/** What an actor is told. Milliseconds. */
export interface ActorSettings {
  readonly task: 'touch' | 'evict';
  readonly root: string;
  /** How many blobs there are to touch; all actors make the same ones. */
  readonly blobs: number;
  readonly forMs: number;
  readonly leaseMs: number;
  readonly coalesceMs: number;
  readonly graceMs: number;
  readonly evictAgeMs: number;
}

/** What an actor has seen. */
export interface Tally {
  /** Positive answers, each of which is a promise. */
  answers: number;
  /** Promises that were looked at again shortly before they ended. */
  checked: number;
  broken: number;
  evicted: number;
}

const settings = JSON.parse(process.argv[2] ?? '') as ActorSettings;
const layout = layoutOf(settings.root);
const calls = blockingFileCalls();
const leases = fileTimeLeases({
  calls,
  layout,
  coalesceMs: settings.coalesceMs,
  clock: Date.now,
  observer: { doubted: () => {}, promiseBroken: () => {} } as unknown as Observer,
  memory: leaseMemory(settings.leaseMs, Date.now, true),
  seen: { wereWrong: () => false },
});
const digests = Array.from({ length: settings.blobs }, (_, index) =>
  digestOf(createHash('sha256').update(`${index}`).digest('hex'), 10),
);
const until = Date.now() + settings.forMs;
const tally: Tally = { answers: 0, checked: 0, broken: 0, evicted: 0 };
/** Looked at when most of the lease is over; the rest is for a machine that is slow to get to it. */
const lookAfter = 0.9;

await (settings.task === 'touch' ? touchAround() : evictAround());
process.stdout.write(JSON.stringify(tally));

async function touchAround(): Promise<void> {
  const promises: { digest: Digest; ends: number }[] = [];
  while (Date.now() < until) {
    for (let count = 0; count < 50; count++) {
      const digest = digests[Math.floor(Math.random() ** 6 * digests.length)];
      if (digest === undefined) continue;
      const ends = Date.now() + settings.leaseMs;
      if (!(await leases.leaseAll([digest]))[0]) await upload(digest);
      tally.answers++;
      // All answers are promises; looking at a few of them is enough to catch a liar.
      if (count === 0) promises.push({ digest, ends });
    }
    while ((promises[0]?.ends ?? Infinity) - Date.now() < settings.leaseMs * (1 - lookAfter))
      await look(promises.shift());
    // Slow enough for the rarely touched ones to get old.
    await sleep(20);
  }
}

async function look(promise: { digest: Digest; ends: number } | undefined): Promise<void> {
  if (promise === undefined) return;
  const handle = await openBlob(calls, layout, blobName(promise.digest));
  await handle?.close();
  // One that this process got to too late says nothing.
  if (Date.now() > promise.ends) return;
  tally.checked++;
  if (handle === undefined) tally.broken++;
}

async function upload(digest: Digest): Promise<void> {
  const temporary = layout.temporaryFile(randomUUID());
  await calls.writeNew(temporary, Buffer.alloc(digest.sizeBytes), blobMode);
  await publishBlob(calls, layout, leases, temporary, digest);
}

async function evictAround(): Promise<void> {
  while (Date.now() < until) {
    const { graceMs, evictAgeMs } = settings;
    const plan = {
      run: randomUUID(),
      wantedBytes: Number.MAX_SAFE_INTEGER,
      wantedFiles: 0,
      evictAgeMs,
      graceMs,
    };
    tally.evicted += (await evict(layout, plan, Date.now)).blobs;
  }
}
