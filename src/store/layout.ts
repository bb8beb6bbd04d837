import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { AssetKind } from '../core/asset-name.ts';
import type { BlobName, Digest } from '../core/digest.ts';
import type { DigestFunction } from '../core/digest-function.ts';
import { type InstanceName, parseInstanceName } from '../core/instance-name.ts';
import type { ReferenceKey } from '../core/reference-key.ts';

/**
 * Where everything is on the volume; no other file joins paths.
 *
 *     <root>/cas/objects/ab/cdef…      one file per blob, named by its SHA-256         } BuildStream 1.6's
 *     <root>/cas/refs/heads/<key>      one file per reference: a serialised Digest     } own layout, nothing
 *     <root>/tmp/                      its temporary files and ours                    } extra inside
 *     <root>/tmp/weir-<uuid>           an upload or a reference being written
 *     <root>/tmp/weir-kept-<id>        an upload that stopped and may be gone on with
 *     <root>/weir/objects/<function>/ab/cdef…  the same for blobs of other digest functions
 *     <root>/weir/ac/<instance>/<function>/ab/cdef…  results of actions, by the action's digest
 *     <root>/weir/version              version of the part below, and that a Weir has been here
 *     <root>/weir/trash/<run>/<name>   blobs on their way out; a reader may still bring one back
 *     <root>/weir/trash/<run>/records/…  references and records on their way out, under their paths below the root
 *     <root>/weir/processes/<uuid>     says that a server runs, or was cut off
 *     <root>/weir/usage/<uuid>         what a server tells the others of what it writes
 *     <root>/weir/quarantine/<name>    files that did not give their hash
 *     <root>/weir/clock                its ctime says what time it is by the volume's clock
 *     <root>/weir/scrub                how far the background scrub is, and which server does it
 *     <root>/weir/janitor-lock         which server's janitor works, and a number that it counts up
 *     <root>/weir/ballast              takes room, to be given up when there is no other
 *     <root>/weir/pins/<id>            that a record, and all that it reaches, is not to be evicted
 *     <root>/weir/incomplete           records that were seen incomplete, and when first
 *     <root>/weir/chunkings/<chunking function and parameters>/ab/<name>  which chunks a blob is made of
 *     <root>/weir/refs/<instance>/<key>  references of named instances; slashes of the name as %2F; the unnamed one is =
 *     <root>/weir/assets/<instance>/<kind>/ab/<id>  assets: sealed weir.v1.AssetRecord messages
 *     <root>/weir/values/<instance>/ab/cdef…  values of HTTP clients, by the SHA-256 of their keys: a Digest each
 *
 * An asset's <kind> is blob or directory, its <id> a SHA-256 of its name (assetId). A blob's <name> is its hash, with `<function>-` before it where that is not SHA-256.
 * BuildStream walks cas/objects and cas/refs, so nothing of ours may be there.
 */
export interface Layout {
  readonly root: string;
  readonly objects: string;
  readonly referenceHeads: string;
  readonly temporary: string;
  readonly trash: string;
  readonly quarantine: string;
  readonly version: string;
  /** Touched to learn the time (volume-clock.ts). */
  readonly clock: string;
  /** How far the background scrub is (scrub-state.ts). */
  readonly scrub: string;
  readonly janitorLock: string;
  readonly ballast: string;
  /** Records that were seen incomplete (incomplete-observations.ts). */
  readonly incomplete: string;
  /** A file for each pinned record (pins.ts). */
  readonly pins: string;
  /** Folders of everything that is found by a key and can be evicted: references, and records of ours. */
  readonly recordRoots: readonly string[];
  /** A file for each running server (process-marks.ts). */
  readonly processes: string;
  /** A page for each server that has written (usage-pages.ts). */
  readonly usage: string;
  blob(name: BlobName): string;
  /** The folder of a blob: its first two hex digits name one of 256. */
  blobFolder(name: BlobName): string;
  /** Folder above the 256 of a digest function. */
  objectsOf(digestFunction: DigestFunction): string;
  reference(instanceName: InstanceName, key: ReferenceKey): string;
  /** The folder that the references of an instance are in. */
  referencesOf(instanceName: InstanceName): string;
  /** Folder of the folders that references of named instances are in. */
  readonly instanceReferences: string;
  /** The record of an action's result. */
  actionResult(instanceName: InstanceName, action: Pick<Digest, 'digestFunction' | 'hash'>): string;
  /** The record of a client's value. */
  value(instanceName: InstanceName, keyHash: string): string;
  temporaryFile(uuid: string): string;
  keptUpload(id: string): string;
  asset(instanceName: InstanceName, kind: AssetKind, id: string): string;
  quarantined(name: BlobName): string;
  trashed(run: string, name: BlobName): string;
  /** `id` names a chunking function and its parameters. */
  chunking(id: string, name: BlobName): string;
}

/** How the names of our own temporary files begin. */
export const temporaryPrefix = 'weir-';
export const keptPrefix = 'weir-kept-';
/** Folder of the instance without a name, which no encoded name can be. */
const unnamed = '=';
/** Folders below weir/ whose files are records: found by a key, and of no use without the blobs that they lead to. */
const ownRecords = ['refs', 'ac', 'assets', 'values', 'chunkings'] as const;
export const layoutVersion = '1\n';

export function layoutOf(root: string): Layout {
  const objects = join(root, 'cas', 'objects');
  const referenceHeads = join(root, 'cas', 'refs', 'heads');
  const temporary = join(root, 'tmp');
  const own = join(root, 'weir');
  const referenceRoot = (instanceName: InstanceName) =>
    instanceName === '' ? referenceHeads : join(own, 'refs', encodeURIComponent(instanceName));
  const objectsOf = (digestFunction: string) =>
    digestFunction === 'sha256' ? objects : join(own, 'objects', digestFunction);
  const blobFolder = (name: BlobName) => {
    const dash = name.indexOf('-');
    const parent = dash === -1 ? objects : `${own}/objects/${name.slice(0, dash)}`;
    return `${parent}/${name.slice(dash + 1, dash + 3)}`;
  };
  return {
    root,
    objects,
    referenceHeads,
    temporary,
    trash: join(own, 'trash'),
    quarantine: join(own, 'quarantine'),
    version: join(own, 'version'),
    clock: join(own, 'clock'),
    scrub: join(own, 'scrub'),
    janitorLock: join(own, 'janitor-lock'),
    ballast: join(own, 'ballast'),
    incomplete: join(own, 'incomplete'),
    pins: join(own, 'pins'),
    processes: join(own, 'processes'),
    usage: join(own, 'usage'),
    recordRoots: [referenceHeads, ...ownRecords.map((name) => join(own, name))],
    blob: (name) => `${blobFolder(name)}/${name.slice(name.indexOf('-') + 3)}`,
    blobFolder,
    objectsOf,
    reference: (instanceName, key) => join(referenceRoot(instanceName), key),
    referencesOf: referenceRoot,
    instanceReferences: join(own, 'refs'),
    actionResult: (instanceName, { digestFunction, hash }) =>
      join(own, 'ac', instanceFolder(instanceName), digestFunction, hash.slice(0, 2), hash.slice(2)),
    value: (instanceName, keyHash) =>
      join(own, 'values', instanceFolder(instanceName), keyHash.slice(0, 2), keyHash.slice(2)),
    temporaryFile: (uuid) => join(temporary, temporaryPrefix + uuid),
    keptUpload: (id) => join(temporary, keptPrefix + id),
    asset: (instanceName, kind, id) =>
      join(own, 'assets', instanceFolder(instanceName), kind, id.slice(0, 2), id),
    quarantined: (name) => join(own, 'quarantine', name),
    trashed: (run, name) => join(own, 'trash', run, name),
    chunking: (id, name) => {
      const hashAt = name.indexOf('-') + 1;
      return join(own, 'chunkings', id, name.slice(hashAt, hashAt + 2), name);
    },
  };
}

/** The folder of an instance, in each folder of records but those of references, where the unnamed one has its own. */
export function instanceFolder(instanceName: InstanceName): string {
  return encodeURIComponent(instanceName) || unnamed;
}

/** Whose folder it is; undefined for one that no instance has. */
export function instanceOfFolder(folder: string): InstanceName | undefined {
  if (folder === unnamed) return parseInstanceName('');
  try {
    const instanceName = parseInstanceName(decodeURIComponent(folder));
    return instanceName !== '' && instanceFolder(instanceName) === folder ? instanceName : undefined;
  } catch {
    return undefined;
  }
}

/** Names of the 256 folders that blobs are in. */
export const blobPrefixes: readonly string[] = Array.from({ length: 256 }, (_, index) =>
  index.toString(16).padStart(2, '0'),
);

/**
 * Makes every folder that is not there, the 256 of SHA-256's blobs included: later writes then need no
 * check. Those of other digest functions come with their first blobs.
 */
export async function makeFolders(layout: Layout): Promise<void> {
  const { objects, referenceHeads, temporary, trash, quarantine, pins } = layout;
  for (const folder of [objects, referenceHeads, temporary, trash, quarantine, pins]) {
    await mkdir(folder, { recursive: true });
  }
  await Promise.all(blobPrefixes.map((prefix) => mkdir(join(objects, prefix), { recursive: true })));
}
