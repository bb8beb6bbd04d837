import { execFile } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { ClientError, Status } from 'nice-grpc';
import { startWeir, type Weir } from './weir.ts';
import {
  type Blob,
  type Clients,
  clientsAt,
  downloadName,
  putBatch,
  randomBlob,
  read,
  uploadName,
  write,
} from './wire.ts';

/** A server on the common volume, which may be killed and started again at any time. */
export interface Slot {
  weir: Weir;
  clients: Clients;
}

/** What all actors of a run share. */
export interface Overfill {
  readonly slots: readonly Slot[];
  readonly random: () => number;
  readonly leaseMs: number;
  /** Blobs that somebody was told to be here, oldest first; the oldest are forgotten. */
  readonly known: Blob[];
  readonly seen: OverfillCounts;
  /** To be closed at the end. */
  readonly oldClients: Clients[];
}

/** What happened in a run. */
export interface OverfillCounts {
  pushedBytes: number;
  pushes: number;
  refused: number;
  /** Answers "it is here" that were followed up in time. */
  kept: number;
  /** Of which the blob was not there. */
  phantoms: number;
  /** That could not be followed up while they were promises: the server was killed, or the machine was slow. */
  undecided: number;
  kills: number;
  mostUsedBytes: number;
  samples: number;
}

export function noCounts(): OverfillCounts {
  return {
    pushedBytes: 0,
    pushes: 0,
    refused: 0,
    kept: 0,
    phantoms: 0,
    undecided: 0,
    kills: 0,
    mostUsedBytes: 0,
    samples: 0,
  };
}

const mostKnown = 2000;
const kibibyte = 1024;

function pick<T>(random: () => number, from: readonly T[]): T {
  const one = from[Math.floor(random() * from.length)];
  if (one === undefined) throw new Error('there is nothing to choose from');
  return one;
}

/** Pushes a large blob or a batch of small ones, and follows the answer up. A refusal for want of room is none. */
export async function pushSome(run: Overfill): Promise<void> {
  const { random, slots, seen } = run;
  const { clients } = pick(random, slots);
  const begun = performance.now();
  const isLarge = random() < 0.4;
  const blobs = isLarge
    ? [randomBlob(Math.ceil((0.5 + 3 * random()) * kibibyte * kibibyte))]
    : Array.from({ length: 20 }, () => randomBlob(Math.ceil((1 + 30 * random()) * kibibyte)));
  try {
    for (const blob of blobs.slice(0, isLarge ? 1 : 0)) await write(clients, uploadName(blob), blob.data);
    if (!isLarge) await putBatch(clients, blobs);
  } catch (error) {
    if (statusOf(error) === 'RESOURCE_EXHAUSTED') seen.refused++;
    else if (!isCutOff(error)) throw error;
    await sleep(50);
    return;
  }
  seen.pushes++;
  for (const blob of blobs) seen.pushedBytes += blob.data.length;
  run.known.push(...blobs);
  if (run.known.length > mostKnown) run.known.splice(0, run.known.length - mostKnown);
  await followUp(run, pick(random, blobs), begun);
}

/** Asks for blobs that were here once, and follows one of the positive answers up. */
export async function pullSome(run: Overfill): Promise<void> {
  const { random, slots, known } = run;
  if (known.length === 0) {
    await sleep(50);
    return;
  }
  const asked = Array.from({ length: 30 }, () => pick(random, known));
  const begun = performance.now();
  const { cas } = pick(random, slots).clients;
  try {
    const blobDigests = asked.map(({ digest }) => digest);
    const answer = await cas.findMissingBlobs({ instanceName: '', blobDigests, digestFunction: 0 });
    const missing = new Set(answer.missingBlobDigests.map(({ hash }) => hash));
    const here = asked.filter(({ digest }) => !missing.has(digest.hash));
    if (here.length > 0) await followUp(run, pick(random, here), begun);
  } catch (error) {
    if (!isCutOff(error)) throw error;
    await sleep(50);
  }
}

/**
 * Reads a blob that was promised by an answer to a call that began then, some time within its lease, from any server.
 * What does not end while the promise lasts decides nothing.
 */
export async function followUp(run: Overfill, blob: Blob, promisedAt: number): Promise<void> {
  const { random, slots, seen, leaseMs } = run;
  const until = promisedAt + leaseMs;
  await sleep(Math.max(0, until - performance.now()) * random() * 0.8);
  while (performance.now() < until) {
    try {
      const bytes = await read(pick(random, slots).clients, downloadName(blob));
      if (!bytes.equals(blob.data)) throw new Error(`wrong bytes for ${downloadName(blob)}`);
      seen.kept++;
      return;
    } catch (error) {
      if (isCutOff(error)) {
        await sleep(20);
        continue;
      }
      if (statusOf(error) !== 'NOT_FOUND') throw error;
      if (performance.now() >= until) break;
      seen.phantoms++;
      return;
    }
  }
  seen.undecided++;
}

/** Kills one of the servers and starts it again. */
export async function killOne(run: Overfill, env: Record<string, string>): Promise<void> {
  const slot = pick(run.random, run.slots);
  const { weir, clients } = slot;
  await weir.kill();
  run.seen.kills++;
  slot.weir = await startWeir({ volume: weir.volume, env });
  slot.clients = clientsAt(slot.weir.pushAddress);
  // Those of the one that was killed may still have calls under way.
  run.oldClients.push(clients);
  // Removes its folder of sockets.
  await weir.stop();
}

/** Bytes on disk of all files of a volume. Each counts once, however often it moves while we look. */
export async function filesOnDisk(volume: string): Promise<number> {
  const listed = await output('find', [volume, '-type', 'f', '-printf', '%i %b\n']);
  const blocks = new Map(listed.split('\n').map((line) => line.split(' ') as [string, string]));
  return [...blocks.values()].reduce((sum, count) => sum + Number(count ?? 0) * 512, 0);
}

/** Bytes of a volume as du counts them, folders included. */
export async function diskUsage(volume: string): Promise<number> {
  return Number((await output('du', ['--summarize', '--block-size=1', volume])).split('\t')[0]);
}

/** What a command printed; that a file went while it looked makes it fail, which does not matter here. */
async function output(command: string, args: string[]): Promise<string> {
  return await new Promise((resolve) => {
    execFile(command, args, { maxBuffer: 64 * kibibyte * kibibyte }, (_error, stdout) => resolve(stdout));
  });
}

function statusOf(error: unknown): string | undefined {
  return error instanceof ClientError ? Status[error.code] : undefined;
}

/** The server was killed, or the client was closed because it was. */
function isCutOff(error: unknown): boolean {
  return ['UNAVAILABLE', 'CANCELLED', 'INTERNAL', 'UNKNOWN'].includes(statusOf(error) ?? '');
}
