import assert from 'node:assert/strict';
import { readdir, readlink, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { ClientError, Status } from 'nice-grpc';
import { resultOf } from './actions.ts';
import { sampleTree, type SampleTree } from './trees.ts';
import { startWeir, type Weir } from './weir.ts';
import {
  type Blob,
  type Clients,
  clientsAt,
  downloadName,
  findMissing,
  putBatch,
  randomBlob,
  read,
  uploadName,
  write,
} from './wire.ts';

/** A server on a volume that is made to fail, with something on it that has to stay readable. */
export interface FailingSite {
  readonly weir: Weir;
  readonly clients: Clients;
  /** All that was there before: it can be read whatever happens. */
  expectAllReadable(): Promise<void>;
  /** What is read there is uploaded once more. */
  uploadAgain(): Promise<void>;
  /** Touches the files of all blobs, so that the server knows nothing of their bytes any more. */
  touchAll(): Promise<void>;
}

/** Work of a client, each time with content that is new. */
export type FailingWork = (site: FailingSite) => Promise<{ blobs: readonly Blob[] }>;

const key = 'kept/element/key';

/** Starts a server on this folder, puts something there, does the work, and ends it in order. */
export async function withFailingSite(
  volume: string,
  env: Record<string, string>,
  work: (site: FailingSite) => Promise<void>,
  endsInOrder = true,
): Promise<void> {
  // One thread for calls that do not block: the n-th call of a kind is the same one each time.
  const weir = await startWeir({ volume, env: { HEAD_ROOM_MIN: '0', UV_THREADPOOL_SIZE: '1', ...env } });
  const clients = clientsAt(weir.pushAddress);
  const large = randomBlob(2_500_000);
  const tree = sampleTree();
  try {
    await write(clients, uploadName(large), large.data);
    await putBatch(clients, tree.blobs);
    await clients.references.updateReference({ instanceName: '', keys: [key], digest: tree.root.digest });
    await work({
      weir,
      clients,
      expectAllReadable: () => expectReadable(clients, tree, [large, ...tree.blobs]),
      async uploadAgain() {
        await write(clients, uploadName(large), large.data);
        await putBatch(clients, tree.blobs);
      },
      touchAll: () => touchFiles(join(volume, 'cas', 'objects')),
    });
    const code = await weir.stop();
    if (endsInOrder) assert.equal(code, 0, weir.output());
  } finally {
    clients.close();
    await weir.stop();
  }
}

async function touchFiles(folder: string): Promise<void> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const now = new Date();
  for (const entry of entries) if (entry.isFile()) await utimes(join(entry.parentPath, entry.name), now, now);
}

async function expectReadable(clients: Clients, tree: SampleTree, blobs: readonly Blob[]): Promise<void> {
  assert.deepEqual(
    await findMissing(
      clients,
      blobs.map(({ digest }) => digest),
    ),
    [],
  );
  for (const blob of blobs) await expectBytes(clients, blob);
  const { digest } = await clients.references.getReference({ instanceName: '', key });
  assert.equal(digest?.hash, tree.root.digest.hash);
}

export async function expectBytes(clients: Clients, blob: Blob): Promise<void> {
  assert.ok((await read(clients, downloadName(blob))).equals(blob.data), downloadName(blob));
}

export const upload: FailingWork = async ({ clients }) => {
  const blob = randomBlob(300_000);
  await write(clients, uploadName(blob), blob.data, 128 * 1024);
  return { blobs: [blob] };
};

export const uploadBatch: FailingWork = async ({ clients }) => {
  const blobs = [randomBlob(3000), randomBlob(5000)];
  await putAll(clients, blobs);
  return { blobs };
};

/** Rejects with the status of the first that was not taken. */
async function putAll(clients: Clients, blobs: readonly Blob[]): Promise<void> {
  const requests = blobs.map(({ digest, data }) => ({ digest, data, compressor: 0 as const }));
  const { responses } = await clients.cas.batchUpdateBlobs({ instanceName: '', requests, digestFunction: 0 });
  const failed = responses.find(({ status }) => (status?.code ?? 0) !== 0)?.status;
  if (failed === undefined) return;
  const code = Status[Status[failed.code] as keyof typeof Status];
  throw new ClientError('BatchUpdateBlobs', code, failed.message);
}

export const updateReference: FailingWork = async ({ clients }) => {
  const tree = sampleTree();
  await putAll(clients, tree.blobs);
  await clients.references.updateReference({
    instanceName: '',
    keys: [`p/e/${tree.root.digest.hash}`],
    digest: tree.root.digest,
  });
  return { blobs: tree.blobs };
};

export const updateActionResult: FailingWork = async ({ clients }) => {
  await clients.actions.updateActionResult({
    instanceName: '',
    actionDigest: randomBlob(100).digest,
    actionResult: resultOf({ exitCode: 1 }),
    resultsCachePolicy: undefined,
    digestFunction: 0,
  });
  return { blobs: [] };
};

/** What is on its way in tmp, and open descriptors of files on the volume. */
export async function leftovers({ weir }: FailingSite): Promise<string[]> {
  const temporary = await readdir(join(weir.volume, 'tmp'));
  const descriptors = `/proc/${weir.pid}/fd`;
  const links = (await readdir(descriptors)).map((name) => readlink(join(descriptors, name)).catch(() => ''));
  const open = (await Promise.all(links)).filter((path) => path.startsWith(weir.volume));
  return [...temporary.filter((name) => !name.startsWith('weir-kept-')), ...open];
}
