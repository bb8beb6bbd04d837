// Pushes, and remembers what was acknowledged: for tests that kill servers or cut the power, and look afterwards whether
// everything is still there. Of blobs only digests are remembered: their bytes are random, and reading gives their hash.
import { createHash, randomBytes } from 'node:crypto';
import { ClientError, Status } from 'nice-grpc';
import type { Digest } from '../../src/gen/build/bazel/remote/execution/v2/remote_execution.ts';
import { outputDirectory, resultOf } from './action-samples.ts';
import { fetchDirectory, pushDirectory } from './assets.ts';
import { directoryBlob } from './trees.ts';
import {
  type Blob,
  blobOf,
  type Clients,
  downloadName,
  findMissing,
  putBatch,
  read,
  uploadName,
  write,
} from './wire.ts';

/** What a name can be of. */
export const pushKinds = ['reference', 'action', 'asset'] as const;
export type PushKind = (typeof pushKinds)[number];

/** A tree of files: what is pushed under a name, and told from others by its root. */
interface Value {
  readonly root: Digest;
  readonly digests: readonly Digest[];
}

/** The same with its bytes. */
export interface NewTree {
  readonly root: Blob;
  readonly blobs: readonly Blob[];
}

/** What is known of a name. */
interface Entry {
  readonly kind: PushKind;
  acknowledged: Value | undefined;
  /** When the request was sent that the last promise about it answers. */
  promisedAt: number;
  /** Values of pushes that did not get an answer since: they may be there or not. */
  readonly open: Value[];
}

/** What a look at everything has shown. */
export interface Verdict {
  /** Names that were looked at and had to be there, and those of them that were not, or not whole. */
  names: number;
  readonly lost: string[];
  /** Blobs that were read, and those that came whole with other bytes than their hash says. */
  blobs: number;
  readonly wrong: string[];
  /** Blobs that were said to be here, and could not be read: damaged ones, that is. */
  refused: number;
}

/** Which bytes are pushed. Sizes in bytes. */
export interface PushSizes {
  readonly files: { readonly least: number; readonly most: number };
  readonly file: { readonly least: number; readonly most: number };
  /** How often there is a large file too, and how large it is at most. */
  readonly largeShare: number;
  readonly large: number;
}

export class PushLedger {
  readonly #entries = new Map<string, Entry>();
  readonly #sent = new Map<string, Digest>();
  readonly #random: () => number;
  readonly #sizes: PushSizes;
  readonly #leaseMs: number;
  /** Some of the last files, so that trees have files in common. */
  readonly #shared: Blob[] = [];
  acknowledged = 0;

  /** `leaseMs`: how long what was answered has to stay. */
  constructor(random: () => number, sizes: PushSizes, leaseMs = Number.POSITIVE_INFINITY) {
    this.#random = random;
    this.#sizes = sizes;
    this.#leaseMs = leaseMs;
  }

  /** Another that remembers what this one does. */
  copy(): PushLedger {
    const other = new PushLedger(this.#random, this.#sizes, this.#leaseMs);
    for (const [name, entry] of this.#entries) other.#entries.set(name, { ...entry, open: [...entry.open] });
    for (const [hash, digest] of this.#sent) other.#sent.set(hash, digest);
    return other;
  }

  /** Pushes a tree under a name of the kind. Resolves when it was acknowledged, rejects as the call that failed. */
  async push(clients: Clients, kind: PushKind, name: string, tree: NewTree = this.newTree()): Promise<void> {
    const { root, blobs } = tree;
    const entry = this.#entryOf(kind, name);
    const value = { root: root.digest, digests: blobs.map(({ digest }) => digest) };
    for (const { digest } of blobs) this.#sent.set(digest.hash, digest);
    await upload(clients, blobs);
    entry.open.push(value);
    const sentAt = Date.now();
    await acknowledge(clients, kind, name, value);
    this.acknowledged++;
    entry.acknowledged = value;
    // Behind all others: it was promised last.
    this.#entries.delete(name);
    this.#entries.set(name, entry);
    entry.promisedAt = sentAt;
    entry.open.length = 0;
  }

  /** Looks at some names, or all. What it finds is promised anew. */
  async lookAt(clients: Clients, verdict: Verdict, names: readonly string[] = this.names()): Promise<void> {
    for (const group of groupsOf(names, 8))
      await Promise.all(group.map((name) => this.#look(clients, name, verdict)));
  }

  /** Reads every blob that was sent, or the last of them, and is said to be here. */
  async readPresent(clients: Clients, verdict: Verdict, last = Infinity): Promise<void> {
    for (const group of groupsOf([...this.#sent.values()].slice(-last), 200)) {
      const missing = new Set(await findMissing(clients, group));
      const present = group.filter(({ hash }) => !missing.has(hash));
      for (const some of groupsOf(present, 8))
        await Promise.all(
          some.map(async (digest) => {
            if (!(await isReadable(clients, digest, verdict))) verdict.refused++;
          }),
        );
    }
  }

  /** All, or those that were pushed last. */
  names(last = Infinity): string[] {
    return [...this.#entries.keys()].slice(-last);
  }

  async #look(clients: Clients, name: string, verdict: Verdict): Promise<void> {
    const entry = this.#entries.get(name);
    if (entry === undefined) return;
    const { kind, acknowledged, promisedAt } = entry;
    const isPromised = () => acknowledged !== undefined && Date.now() < promisedAt + this.#leaseMs;
    const sentAt = Date.now();
    // Somebody may push it meanwhile: what it was before is as right as what it is then.
    const before = [acknowledged, ...entry.open];
    const found = await lookUp(clients, kind, name);
    if (isPromised()) verdict.names++;
    const value = [...before, entry.acknowledged, ...entry.open].find(
      (candidate) => candidate?.root.hash === found,
    );
    if (value === undefined) {
      if (found !== undefined) verdict.wrong.push(`${name}: another root`);
      else if (isPromised()) verdict.lost.push(name);
      return;
    }
    // It was answered, so all of it is here, and stays.
    const until = sentAt + this.#leaseMs;
    if (value === entry.acknowledged) entry.promisedAt = Math.max(entry.promisedAt, sentAt);
    for (const digest of value.digests) {
      const isThere = await isReadable(clients, digest, verdict);
      if (!isThere && Date.now() < until) verdict.lost.push(`${name}: ${digest.hash}`);
    }
  }

  #entryOf(kind: PushKind, name: string): Entry {
    const entry = this.#entries.get(name) ?? { kind, acknowledged: undefined, promisedAt: 0, open: [] };
    this.#entries.set(name, entry);
    return entry;
  }

  /** A tree that nobody has pushed, though some of its files may be those of others. */
  newTree(): NewTree {
    const { files: count, file, largeShare, large } = this.#sizes;
    const files = Array.from({ length: this.#between(count) }, () =>
      blobOf(randomBytes(this.#between(file))),
    );
    if (this.#random() < largeShare)
      files.push(blobOf(randomBytes(this.#between({ least: large / 4, most: large }))));
    const known = this.#shared[Math.floor(this.#random() * this.#shared.length)];
    if (known !== undefined) files.push(known);
    this.#shared.push(...files.slice(0, 1));
    if (this.#shared.length > 8) this.#shared.shift();
    const named = (some: Blob[]) => Object.fromEntries(some.map((blob, index) => [`file-${index}`, blob]));
    const half = Math.ceil(files.length / 2);
    const child = directoryBlob(named(files.slice(half)));
    const root = directoryBlob(named(files.slice(0, half)), { child });
    return { root, blobs: [...files, child, root] };
  }

  #between({ least, most }: { least: number; most: number }): number {
    return Math.round(least + this.#random() * (most - least));
  }
}

export function newVerdict(): Verdict {
  return { names: 0, lost: [], blobs: 0, wrong: [], refused: 0 };
}

/** A batch may have so many bytes; what is larger goes by itself. */
const batchBytes = 256 * 1024;

/** What a client does: asks, and sends what is missing. */
async function upload(clients: Clients, blobs: readonly Blob[]): Promise<void> {
  const missing = await findMissing(
    clients,
    blobs.map(({ digest }) => digest),
  );
  const toSend = blobs.filter(({ digest }) => missing.includes(digest.hash));
  const small = toSend.filter(({ data }) => data.length <= batchBytes / 4);
  for (const blob of toSend) if (!small.includes(blob)) await write(clients, uploadName(blob), blob.data);
  // BuildStream sends the last ones by themselves too.
  const alone = small.slice(0, 1);
  for (const blob of alone) await write(clients, uploadName(blob), blob.data);
  for (const group of groupsOf(small.slice(1), 4)) await putBatch(clients, group);
}

async function acknowledge(clients: Clients, kind: PushKind, name: string, { root }: Value): Promise<void> {
  if (kind === 'reference')
    await clients.references.updateReference({ instanceName: '', keys: [name], digest: root });
  else if (kind === 'asset') await pushDirectory(clients, [uriOf(name)], root);
  else
    await clients.actions.updateActionResult({
      instanceName: '',
      actionDigest: actionDigestOf(name),
      actionResult: resultOf({ outputDirectories: [outputDirectory('out', { root })] }),
      resultsCachePolicy: undefined,
      digestFunction: 0,
    });
}

/** The root that is found under a name. */
async function lookUp(clients: Clients, kind: PushKind, name: string): Promise<string | undefined> {
  try {
    if (kind === 'reference')
      return (await clients.references.getReference({ instanceName: '', key: name })).digest?.hash;
    if (kind === 'asset') return (await fetchDirectory(clients, [uriOf(name)])).rootDirectoryDigest?.hash;
    const result = await clients.actions.getActionResult({
      instanceName: '',
      actionDigest: actionDigestOf(name),
      inlineStdout: false,
      inlineStderr: false,
      inlineOutputFiles: [],
      digestFunction: 0,
    });
    return result.outputDirectories[0]?.rootDirectoryDigest?.hash;
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

function uriOf(name: string): string {
  return `urn:weir:test:${name}`;
}

function actionDigestOf(name: string): Digest {
  return blobOf(name).digest;
}

/** False when it is not here, or damaged. */
async function isReadable(clients: Clients, digest: Digest, verdict: Verdict): Promise<boolean> {
  try {
    const bytes = await read(clients, downloadName({ digest, data: Buffer.alloc(0) }));
    verdict.blobs++;
    if (createHash('sha256').update(bytes).digest('hex') !== digest.hash) verdict.wrong.push(digest.hash);
    return true;
  } catch (error) {
    if (isNotFound(error)) return false;
    throw error;
  }
}

function isNotFound(error: unknown): boolean {
  return error instanceof ClientError && error.code === Status.NOT_FOUND;
}

function groupsOf<T>(all: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(all.length / size) }, (_, index) =>
    all.slice(index * size, (index + 1) * size),
  );
}
