// A client that remembers what it was promised, and looks whether that is kept.
import { Status } from 'nice-grpc';
import { ClientError } from 'nice-grpc-common';
import { directoryBlob } from './trees.ts';
import { type Blob, type Clients, downloadName, findMissing, putBatch, randomBlob, read } from './wire.ts';

/** What a client has seen so far. */
export interface PromiseTally {
  /** Positive answers about a blob, each of which is a promise for the time of the lease. */
  promises: number;
  /** Promises that were looked at again before they ended. */
  checked: number;
  /** Promises of which the blob was not there, or was another one. */
  broken: string[];
  /** Uploads that were refused for want of room: nothing is promised by that. */
  refused: number;
}

/** Settings of a client. */
export interface PromiseKeeperOptions {
  readonly leaseMs: number;
  readonly random: () => number;
  /** Who answers now. One that is chosen may be stopped meanwhile: what it answers too late says nothing. */
  readonly clients: () => Clients;
  readonly tally: PromiseTally;
}

const blobBytes = 64 * 1024;
/** A blob of which nothing was promised for so many leases is forgotten. */
const forgottenAfterLeases = 6;
const mostKnown = 400;

/** Pushes, asks and pulls, one thing after the other, until the signal says so. */
export async function keepAsking(options: PromiseKeeperOptions, signal: AbortSignal): Promise<void> {
  const { leaseMs, random, clients, tally } = options;
  const known: { blob: Blob; until: number }[] = [];
  const trees = new Map<string, Blob[]>();
  const due: { blob: Blob; lookAt: number; until: number }[] = [];

  function promised(blobs: readonly Blob[], askedAt: number): void {
    tally.promises += blobs.length;
    const until = askedAt + leaseMs;
    for (const blob of blobs) {
      due.push({ blob, until, lookAt: askedAt + leaseMs * (0.6 + 0.35 * random()) });
      const found = known.find((one) => one.blob.digest.hash === blob.digest.hash);
      if (found === undefined) known.push({ blob, until });
      else found.until = until;
    }
  }

  async function push(): Promise<void> {
    const file = randomBlob(blobBytes);
    const root = directoryBlob({ file });
    const askedAt = Date.now();
    await putBatch(clients(), [file, root]);
    promised([file, root], askedAt);
    if (random() < 0.7) return;
    trees.set(root.digest.hash, [file, root]);
    const keys = [`project/element/${Math.floor(random() * 10)}`];
    const again = Date.now();
    await clients().references.updateReference({ instanceName: '', keys, digest: root.digest });
    promised([file, root], again);
  }

  async function pull(): Promise<void> {
    const askedAt = Date.now();
    const key = `project/element/${Math.floor(random() * 10)}`;
    const { digest } = await clients().references.getReference({ instanceName: '', key });
    promised(trees.get(digest?.hash ?? '') ?? [], askedAt);
  }

  async function ask(): Promise<void> {
    const some = Array.from({ length: 3 }, () => known[Math.floor(random() * known.length)]?.blob);
    const blobs = [...new Set(some.filter((blob) => blob !== undefined))];
    const askedAt = Date.now();
    const missing = await findMissing(
      clients(),
      blobs.map(({ digest }) => digest),
    );
    promised(
      blobs.filter(({ digest }) => !missing.includes(digest.hash)),
      askedAt,
    );
  }

  async function look(): Promise<void> {
    due.sort((a, b) => a.lookAt - b.lookAt);
    while ((due[0]?.lookAt ?? Infinity) <= Date.now()) {
      const next = due.shift();
      if (next !== undefined && next.until > Date.now()) await check(next.blob, next.until);
    }
  }

  async function check(blob: Blob, until: number): Promise<void> {
    const verdict = await read(clients(), downloadName(blob)).then(
      (bytes) => (bytes.equals(blob.data) ? 'kept' : 'other bytes'),
      (error: unknown) => {
        if (error instanceof ClientError && error.code === Status.NOT_FOUND) return 'not found';
        throw error;
      },
    );
    const early = until - Date.now();
    if (early < 0) return;
    tally.checked++;
    if (verdict !== 'kept') tally.broken.push(`${blob.digest.hash}: ${verdict}, ${early} ms too early`);
  }

  function forget(): void {
    const before = Date.now() - forgottenAfterLeases * leaseMs;
    while ((known[0]?.until ?? Infinity) < before || known.length > mostKnown) known.shift();
    for (const hash of trees.keys()) if (trees.size > mostKnown) trees.delete(hash);
  }

  while (!signal.aborted) {
    const chance = random();
    try {
      await (chance < 0.4 ? push() : chance < 0.55 ? pull() : ask());
      await look();
    } catch (error) {
      if (!isUsual(error)) throw error;
      tally.refused++;
    }
    forget();
    await new Promise((resolve) => setTimeout(resolve, 100 * random()));
  }
}

/** A volume where all is leased refuses uploads, and a reference may have gone. */
function isUsual(error: unknown): boolean {
  const codes = [Status.RESOURCE_EXHAUSTED, Status.NOT_FOUND, Status.FAILED_PRECONDITION];
  return error instanceof ClientError
    ? codes.includes(error.code)
    : error instanceof Error && /no room|is not whole/.test(error.message);
}
