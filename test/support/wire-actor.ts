// One client of a storm over the wire: puts things into the servers, asks for them again at moments of its choice, and
// reads all that it was promised shortly before the promise ends. Started with its settings as the only argument;
// goes on until its standard input ends, then prints its tally.
import { setTimeout as sleep } from 'node:timers/promises';
import { promisedThing, type PromisedThing, statusOf, thingKinds } from './promised-things.ts';
import { seededRandom } from './promise-size.ts';
import { type Blob, type Clients, clientsAt, downloadName, read } from './wire.ts';

/** What a client is told. */
export interface WireActorSettings {
  /** Each client of a storm has another one. */
  readonly number: number;
  /** Of all servers: each call goes to one of them by chance. */
  readonly addresses: readonly string[];
  /** As the servers promise. Milliseconds. */
  readonly leaseMs: number;
  /** Things that it looks after at a time. */
  readonly things: number;
  /** Bytes of the largest blobs. */
  readonly largest: number;
  /** Between one thing and the next, for a moderate load. Milliseconds. */
  readonly restMs: number;
}

/** What a client has seen. */
export interface WireTally {
  /** Positive answers to questions and uploads. */
  answers: number;
  /** Negative ones to questions when nothing was promised any more. */
  gone: number;
  /** Promises that were kept: by a later answer within the lease, or by all blobs being read at its end. */
  kept: number;
  /** Promises whose end was over before anybody looked; they say nothing. */
  unseen: number;
  /** What was promised and was not there. */
  broken: number;
  /** Uploads that were refused for want of room. */
  refused: number;
  /** Blobs that were read and were not what they should be. */
  wrong: number;
  /** Calls that failed otherwise. */
  failed: number;
  /** The first of everything that should not be, in words. */
  faults: string[];
}

const settings = JSON.parse(process.argv[2] ?? '') as WireActorSettings;
const { leaseMs } = settings;
const servers = settings.addresses.map((address) => clientsAt(address));
const random = seededRandom(settings.number);
const tally: WireTally = {
  answers: 0,
  gone: 0,
  kept: 0,
  unseen: 0,
  broken: 0,
  refused: 0,
  wrong: 0,
  failed: 0,
  faults: [],
};
/** What reading a thing takes, on a smoothed average. */
let usualMs = 0;
const end = new AbortController();
process.stdin.on('end', () => end.abort()).resume();

await Promise.all(Array.from({ length: settings.things }, keepOn));
for (const server of servers) server.close();
process.stdin.destroy();
process.stdout.write(JSON.stringify(tally));

/** One thing after the other. */
async function keepOn(): Promise<void> {
  await pause(random() * leaseMs);
  while (!end.signal.aborted) {
    const kind = thingKinds[Math.floor(random() * thingKinds.length)] ?? 'blobs';
    await live(promisedThing(kind, () => 100 + Math.floor(random() ** 3 * settings.largest)));
    await pause(settings.restMs * 2 * random());
  }
}

/** From the upload of a thing until it is gone, or left alone. */
async function live(thing: PromisedThing): Promise<void> {
  let ends = await answered(thing, 0, async (server) => {
    await thing.put(server);
    return true;
  });
  if (ends === 0) await pause(leaseMs / 4);
  while (ends > 0 && !end.signal.aborted) {
    // A question at any moment of the lease or just after it, and then none until the promise ends.
    await pause(random() * 1.2 * leaseMs);
    ends = await answered(thing, ends, (server) => thing.ask(server));
    if (ends === 0) return;
    await pause(ends - Date.now() - lookBefore());
    // What is not looked at because all is over now is no promise that was broken or kept.
    if (end.signal.aborted) return;
    await readAll(thing, ends);
    if (random() < 0.5) return;
    // Some are left until they are old enough to go, and are asked for then.
    await pause(random() * 2 * leaseMs);
    ends = await answered(thing, ends, (server) => thing.ask(server));
  }
}

/** Asks one of the servers; when the promise that it gives ends, 0 for none. `ends` is the end of the last one. */
async function answered(
  thing: PromisedThing,
  ends: number,
  ask: (server: Clients) => Promise<boolean>,
): Promise<number> {
  const asked = Date.now();
  const isThere = await outcome(thing, asked, () => ask(oneOf(servers)));
  if (isThere === 'failed') return 0;
  const inTime = Date.now() <= ends;
  if (!isThere) {
    if (inTime) broken(thing, `answered with no, ${ends - Date.now()} ms before the end`);
    else tally.gone++;
    return 0;
  }
  if (inTime) tally.kept++;
  tally.answers++;
  return asked + leaseMs;
}

async function outcome(
  thing: PromisedThing,
  asked: number,
  ask: () => Promise<boolean>,
): Promise<boolean | 'failed'> {
  try {
    return await ask();
  } catch (error) {
    const status = statusOf(error);
    if (status === 'RESOURCE_EXHAUSTED') tally.refused++;
    // What was uploaded a moment ago is not there to be referred to.
    else if (status === 'FAILED_PRECONDITION' && Date.now() - asked < leaseMs) broken(thing, String(error));
    else if (status === 'FAILED_PRECONDITION') tally.unseen++;
    else {
      tally.failed++;
      fault(thing, String(error));
    }
    return 'failed';
  }
}

/** Before the end of a promise: late enough to see one that is not kept to its end, early enough to be told in time. */
function lookBefore(): number {
  return Math.min(leaseMs / 2, 0.1 * leaseMs + 4 * usualMs);
}

async function readAll(thing: PromisedThing, ends: number): Promise<void> {
  const begun = performance.now();
  const found = await Promise.all(thing.blobs.map((blob) => readOne(thing, blob)));
  usualMs += (performance.now() - begun - usualMs) / 8;
  if (found.includes('failed')) return;
  if (Date.now() > ends) tally.unseen++;
  else if (found.includes('absent'))
    broken(thing, `could not be read, ${ends - Date.now()} ms before the end`);
  else tally.kept++;
}

async function readOne(thing: PromisedThing, blob: Blob): Promise<'read' | 'absent' | 'failed'> {
  try {
    const bytes = await read(oneOf(servers), downloadName(blob));
    if (bytes.equals(blob.data)) return 'read';
    tally.wrong++;
    fault(thing, `${blob.digest.hash} has other bytes`);
    return 'failed';
  } catch (error) {
    if (statusOf(error) === 'NOT_FOUND') return 'absent';
    tally.failed++;
    fault(thing, String(error));
    return 'failed';
  }
}

function broken(thing: PromisedThing, what: string): void {
  tally.broken++;
  fault(thing, what);
}

function fault({ kind }: PromisedThing, what: string): void {
  if (tally.faults.length < 5) tally.faults.push(`${kind}: ${what}`);
}

function oneOf<T>(some: readonly T[]): T {
  const one = some[Math.floor(random() * some.length)];
  if (one === undefined) throw new Error('there is none');
  return one;
}

/** Ends early when the storm does. */
async function pause(milliseconds: number): Promise<void> {
  await sleep(Math.max(0, milliseconds), undefined, { signal: end.signal }).catch(() => {});
}
