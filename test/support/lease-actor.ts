// One process of the lease storm: touches blobs, and sees whether what it was promised is kept; or evicts whatever may
// go. Started with its settings as the only argument; goes on until its standard input ends, or until it has
// what it was asked for; prints its tally at the end.
import { createHash, randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { blobName, type Digest, digestOf } from '../../src/core/digest.ts';
import type { Observer } from '../../src/core/observer.ts';
import { localFileCalls } from '../../src/store/local-file-calls.ts';
import { blobMode } from '../../src/store/durable-file.ts';
import { evict } from '../../src/store/eviction.ts';
import { layoutOf } from '../../src/store/layout.ts';
import { leaseMemory } from '../../src/store/lease-memory.ts';
import { fileTimeLeases } from '../../src/store/file-time-leases.ts';
import { publishBlob } from '../../src/store/publish.ts';
import { openBlob } from '../../src/store/trash.ts';
import { faultyCalls } from './lease-faults.ts';
import { seededRandom } from './promise-size.ts';

/** What an actor is told. Milliseconds. */
export interface ActorSettings {
  readonly task: 'touch' | 'evict';
  /** Each actor of a storm has another one. */
  readonly number: number;
  readonly root: string;
  /** How many positive answers are enough, and how long it goes on at least: nothing goes before its lease is over. */
  readonly answers: number;
  readonly leastMs: number;
  readonly leaseMs: number;
  readonly coalesceMs: number;
  readonly graceMs: number;
  readonly evictAgeMs: number;
  /** The touch without the look after it. */
  readonly skipsSecondLook: boolean;
  /** One broken promise is enough. */
  readonly untilBroken: boolean;
}

/** What an actor has seen. */
export interface Tally {
  /** Positive answers, each of which is a promise. */
  answers: number;
  /**
   * Promises that were seen kept: by a later answer about the same file within the lease, which takes over what is
   * left of it, or by a look at the file shortly before the end.
   */
  kept: number;
  /** Promises whose end was over before anybody looked; they say nothing. */
  unseen: number;
  broken: number;
  evicted: number;
  /** Files that were touched on their way out, and went back. */
  returned: number;
  /** When something was promised about the blobs that all actors share; a later answer within a lease prolongs it. */
  promises: Span[];
  /** When one of these was found absent: the look began, and had ended. */
  absences: Span[];
}

/** Number of a blob, and two times. Milliseconds since 1970. */
export type Span = [blob: number, from: number, until: number];

/** A blob as one actor knows it. */
interface Known {
  readonly digest: Digest;
  /** Its number, where others have it too. */
  readonly shared: number | undefined;
  /** What is done with it: touched by chance, or at the moments when a promise is in the greatest danger. */
  readonly aim: 'none' | 'skipped-touch' | 'way-out';
  /** When the first of the promises that are open was given. */
  since: number;
  /** When the last promise ends; 0 for none. */
  ends: number;
  /** Promises since the last look. */
  open: number;
  /** When to do the next step, for one that is aimed at. */
  next: number;
  busy: boolean;
  skips: boolean;
}

const settings = JSON.parse(process.argv[2] ?? '') as ActorSettings;
const { leaseMs, coalesceMs, graceMs, evictAgeMs } = settings;
const layout = layoutOf(settings.root);
const random = seededRandom(settings.number);
const faulty = faultyCalls(localFileCalls(), settings.skipsSecondLook);
const { calls } = faulty;
const observer = { doubted: () => {}, promiseBroken: () => {} } as unknown as Observer;
const memory = leaseMemory(leaseMs, Date.now, true);
const seen = { wereWrong: () => false };
const leases = fileTimeLeases({
  calls,
  layout,
  coalesceMs,
  graceMs,
  clock: Date.now,
  observer,
  memory,
  seen,
});

const sharedBlobs = 3000;
const aimedBlobs = 150;
/** Looked at when most of the lease is over; the rest is for a machine that is slow to get to it. */
const lookBefore = leaseMs * 0.12;
const tally: Tally = {
  answers: 0,
  kept: 0,
  unseen: 0,
  broken: 0,
  evicted: 0,
  returned: 0,
  promises: [],
  absences: [],
};
const end = new AbortController();
process.stdin.on('end', () => end.abort()).resume();

await (settings.task === 'touch' ? touchAround() : evictAround());
process.stdin.destroy();
process.stdout.write(JSON.stringify(tally));

function known(name: string, aim: Known['aim'], shared?: number): Known {
  const digest = digestOf(createHash('sha256').update(name).digest('hex'), 10);
  const next = Date.now() + random() * leaseMs;
  return { digest, shared, aim, since: 0, ends: 0, open: 0, next, busy: false, skips: false };
}

async function touchAround(): Promise<void> {
  const shared = Array.from({ length: sharedBlobs }, (_, index) => known(`shared ${index}`, 'none', index));
  const aimed = Array.from({ length: aimedBlobs }, (_, index) => [
    known(`skipped ${settings.number} ${index}`, 'skipped-touch'),
    known(`out ${settings.number} ${index}`, 'way-out'),
  ]).flat();
  const underWay = new Set<Promise<void>>();
  const begin = (work: Promise<void>) => {
    underWay.add(work);
    void work.then(() => underWay.delete(work));
  };
  const isDone = () =>
    (tally.answers >= settings.answers && performance.now() > settings.leastMs) ||
    (settings.untilBroken && tally.broken > 0);
  while (!end.signal.aborted && !isDone()) {
    for (let count = 0; count < 100; count++) {
      const blob = shared[Math.floor(random() ** 6 * shared.length)];
      if (blob !== undefined) await answer(blob);
    }
    for (const blob of aimed) if (!blob.busy && blob.next <= Date.now()) begin(aimAt(blob));
    for (const blob of [...shared, ...aimed]) {
      if (blob.ends !== 0 && blob.ends - Date.now() < lookBefore && !blob.busy) begin(look(blob));
    }
    // Slow enough for the rarely touched ones to get old, and for the others' turn.
    await sleep(4);
  }
  await Promise.all(underWay);
  for (const blob of shared) close(blob);
}

/** Asks for the blob, uploads it when it is not there: a positive answer in either case. */
async function answer(blob: Known): Promise<void> {
  const asked = Date.now();
  const isThere = (await leases.leaseAll([blob.digest])).length === 0;
  judge(blob, asked, isThere);
  if (!isThere) await upload(blob.digest);
  if (blob.ends === 0) blob.since = Date.now();
  blob.ends = Math.max(blob.ends, asked + leaseMs);
  blob.open++;
  tally.answers++;
}

/** What it means for the promises so far that the blob is there, or is not, after a look that began then. */
function judge(blob: Known, begun: number, isThere: boolean): void {
  const now = Date.now();
  if (blob.shared !== undefined && !isThere) tally.absences.push([blob.shared, begun, now]);
  if (blob.ends === 0) return;
  const inTime = now <= blob.ends;
  if (inTime && isThere) {
    tally.kept += blob.open;
    blob.open = 0;
    return;
  }
  // A promise that was given while the look was under way is none that it can speak of.
  if (inTime && blob.since < begun) tally.broken++;
  else tally.unseen += blob.open;
  close(blob);
}

/** What comes after is another promise. */
function close(blob: Known): void {
  if (blob.shared !== undefined && blob.ends !== 0) tally.promises.push([blob.shared, blob.since, blob.ends]);
  blob.ends = 0;
  blob.open = 0;
}

/** Reads it as a client would, shortly before its lease is over. */
async function look(blob: Known): Promise<void> {
  blob.busy = true;
  const begun = Date.now();
  const file = await openBlob(calls, layout, blobName(blob.digest), graceMs);
  await file?.handle.close();
  judge(blob, begun, file !== undefined);
  close(blob);
  blob.busy = false;
}

/** Does what endangers a promise most, and says when to come again. */
async function aimAt(blob: Known): Promise<void> {
  blob.busy = true;
  if (blob.aim === 'skipped-touch') {
    // A touch that is skipped has used up a part of the lease already: as much of it as there can be.
    await answer(blob);
    blob.skips = !blob.skips;
    const rest = leaseMs * (1.2 + random());
    blob.next = Date.now() + (blob.skips ? coalesceMs * (0.85 + 0.1 * random()) : rest);
  } else {
    // Touched on its way out: when it is old enough to go, for as long as it takes to be gone. And asked for by others
    // while it may be on its way back.
    faulty.slowRefresh(layout.blob(blobName(blob.digest)), random() * 6 * graceMs);
    await Promise.all([answer(blob), answerLater(blob), answerLater(blob)]);
    blob.next = Date.now() + evictAgeMs + random() * 2 * graceMs;
  }
  blob.busy = false;
}

async function answerLater(blob: Known): Promise<void> {
  await sleep(random() * 6 * graceMs);
  faulty.slowNames(random() * 2 * graceMs);
  await answer(blob);
}

async function upload(digest: Digest): Promise<void> {
  const temporary = layout.temporaryFile(randomUUID());
  await calls.writeNew(temporary, Buffer.alloc(digest.sizeBytes), blobMode);
  await publishBlob(calls, layout, leases, temporary, digest);
}

async function evictAround(): Promise<void> {
  while (!end.signal.aborted) {
    const plan = {
      run: randomUUID(),
      wantedBytes: Number.MAX_SAFE_INTEGER,
      wantedFiles: 0,
      evictAgeMs,
      graceMs,
      // Several parts in a pass, most often.
      filesOfPart: 20,
    };
    const { blobs, returned } = await evict(layout, plan, Date.now);
    tally.evicted += blobs;
    tally.returned += returned;
    // An empty pass would not wait at all.
    await sleep(1);
  }
}
