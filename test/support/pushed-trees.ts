import { eventually } from './eventually.ts';
import { directoryBlob } from './trees.ts';
import { blobFile, exists } from './volume-damage.ts';
import { type Blob, type Clients, putBatch, randomBlob, uploadName, write } from './wire.ts';

const mebibyte = 1024 * 1024;

/** What a reference leads to. */
export interface PushedTree {
  readonly key: string;
  readonly root: Blob;
  /** Files and directories, the root included. */
  readonly blobs: readonly Blob[];
}

/** Pushes a reference to a tree of two levels with files of these sizes, as often as it takes while there is no room. */
export async function pushTree(
  clients: Clients,
  key: string,
  sizes: readonly number[] = [mebibyte / 2, mebibyte / 2],
  instanceName = '',
): Promise<PushedTree> {
  const files = sizes.map((size) => randomBlob(size));
  const below = directoryBlob(Object.fromEntries(files.map((file, index) => [`file-${index}`, file])));
  const root = directoryBlob({}, { below });
  const blobs = [...files, below, root];
  await eventually(async () => {
    try {
      for (const blob of files) await write(clients, uploadName(blob), blob.data);
      await putBatch(clients, [below, root]);
      await clients.references.updateReference({ instanceName, keys: [key], digest: root.digest });
      return true;
    } catch {
      return false;
    }
  });
  return { key, root, blobs };
}

/** How many blobs of a tree are in their places. Nothing is leased by the look. */
export async function hereOf(volume: string, { blobs }: PushedTree): Promise<number> {
  const looks = await Promise.all(blobs.map((blob) => exists(blobFile(volume, blob))));
  return looks.filter(Boolean).length;
}

/** Uploads blobs of 1 MiB, one after the other, until the condition holds; a refusal is tried again later. */
export async function fillUntil(clients: Clients, condition: () => Promise<boolean>): Promise<void> {
  await eventually(async () => {
    const blob = randomBlob(mebibyte);
    await write(clients, uploadName(blob), blob.data).catch(() => {});
    return await condition();
  });
}
