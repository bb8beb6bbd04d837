import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { InstanceName } from '../core/instance-name.ts';
import type { ReferenceKey } from '../core/reference-key.ts';

/**
 * Where everything is on the volume; no other file joins paths.
 *
 *     <root>/cas/objects/ab/cdef…      one file per blob, named by its SHA-256         } BuildStream 1.6's
 *     <root>/cas/refs/heads/<key>      one file per reference: a serialised Digest     } own layout, nothing
 *     <root>/tmp/                      its temporary files and ours                    } extra inside
 *     <root>/tmp/weir-<uuid>           an upload or a reference being written
 *     <root>/tmp/weir-kept-<id>        an upload that stopped and may be gone on with
 *     <root>/weir/version              version of the part below, and that a Weir has been here
 *     <root>/weir/trash/<run>/<hash>   blobs on their way out; a reader may still bring one back
 *     <root>/weir/quarantine/<hash>    files that did not give their hash
 *     <root>/weir/refs/<instance>/<key>  references of named instances; slashes of the name as %2F
 *
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
  /** `hash` must be validated: it becomes a path. */
  blob(hash: string): string;
  blobFolder(hash: string): string;
  reference(instanceName: InstanceName, key: ReferenceKey): string;
  /** Folder above all references of an instance: parents are made and synced up to here. */
  referenceRoot(instanceName: InstanceName): string;
  temporaryFile(uuid: string): string;
  keptUpload(id: string): string;
  quarantined(hash: string): string;
  trashed(run: string, hash: string): string;
}

/** How the names of our own temporary files begin. */
export const temporaryPrefix = 'weir-';
export const keptPrefix = 'weir-kept-';
export const layoutVersion = '1\n';

export function layoutOf(root: string): Layout {
  const objects = join(root, 'cas', 'objects');
  const referenceHeads = join(root, 'cas', 'refs', 'heads');
  const temporary = join(root, 'tmp');
  const own = join(root, 'weir');
  const referenceRoot = (instanceName: InstanceName) =>
    instanceName === '' ? referenceHeads : join(own, 'refs', encodeURIComponent(instanceName));
  return {
    root,
    objects,
    referenceHeads,
    temporary,
    trash: join(own, 'trash'),
    quarantine: join(own, 'quarantine'),
    version: join(own, 'version'),
    blob: (hash) => `${objects}/${hash.slice(0, 2)}/${hash.slice(2)}`,
    blobFolder: (hash) => `${objects}/${hash.slice(0, 2)}`,
    reference: (instanceName, key) => join(referenceRoot(instanceName), key),
    referenceRoot,
    temporaryFile: (uuid) => join(temporary, temporaryPrefix + uuid),
    keptUpload: (id) => join(temporary, keptPrefix + id),
    quarantined: (hash) => join(own, 'quarantine', hash),
    trashed: (run, hash) => join(own, 'trash', run, hash),
  };
}

/** Makes every folder that is not there, the 256 of the blobs included: later writes then need no check. */
export async function makeFolders(layout: Layout): Promise<void> {
  const { objects, referenceHeads, temporary, trash, quarantine } = layout;
  for (const folder of [objects, referenceHeads, temporary, trash, quarantine]) {
    await mkdir(folder, { recursive: true });
  }
  const prefixes = Array.from({ length: 256 }, (_, index) => index.toString(16).padStart(2, '0'));
  await Promise.all(prefixes.map((prefix) => mkdir(layout.blobFolder(prefix), { recursive: true })));
}
