import { ClientError, Status } from 'nice-grpc';
import { outputFile, resultOf } from './actions.ts';
import { fetchBlob, freshUri, pushBlob } from './assets.ts';
import { directoryBlob } from './trees.ts';
import { type Blob, type Clients, findMissing, randomBlob, uploadName, write } from './wire.ts';

/** What a client puts into a cache and asks for again; a positive answer promises all of its blobs. */
export interface PromisedThing {
  readonly kind: ThingKind;
  readonly blobs: readonly Blob[];
  /** Uploads it; an acknowledgement is a positive answer. Rejects with what the server says. */
  put(clients: Clients): Promise<void>;
  /** Whether it is there. */
  ask(clients: Clients): Promise<boolean>;
}

export const thingKinds = ['blobs', 'stream', 'reference', 'action', 'asset'] as const;
export type ThingKind = (typeof thingKinds)[number];

/** One that nobody else has, of a few blobs of these sizes. */
export function promisedThing(kind: ThingKind, size: () => number): PromisedThing {
  if (kind === 'blobs') return several(size);
  if (kind === 'stream') return streamed(randomBlob(size()));
  if (kind === 'reference') return reference(randomBlob(size()), randomBlob(size()));
  if (kind === 'action') return action(randomBlob(size()), randomBlob(size()));
  return asset(randomBlob(size()));
}

/** The name of a failed call's status, or of a blob's in a batch; undefined for a failure that is not the server's answer. */
export function statusOf(error: unknown): string | undefined {
  return error instanceof ClientError || error instanceof BlobRefusal ? Status[error.code] : undefined;
}

class BlobRefusal extends Error {
  readonly code: number;

  constructor(code: number, message: string) {
    super(message);
    this.code = code;
  }
}

/** BatchUpdateBlobs, in which the first blob that was not taken fails all. */
async function upload(clients: Clients, blobs: readonly Blob[]): Promise<void> {
  const requests = blobs.map(({ digest, data }) => ({ digest, data, compressor: 0 as const }));
  const answer = await clients.cas.batchUpdateBlobs({ instanceName: '', requests, digestFunction: 0 });
  for (const { status } of answer.responses) {
    if (status?.code) throw new BlobRefusal(status.code, status.message);
  }
}

async function unlessNotFound(call: Promise<unknown>): Promise<boolean> {
  try {
    await call;
    return true;
  } catch (error) {
    if (statusOf(error) === 'NOT_FOUND') return false;
    throw error;
  }
}

function several(size: () => number): PromisedThing {
  const blobs = [randomBlob(size()), randomBlob(size()), randomBlob(size())];
  const digests = blobs.map(({ digest }) => digest);
  return {
    kind: 'blobs',
    blobs,
    put: (clients) => upload(clients, blobs),
    ask: async (clients) => (await findMissing(clients, digests)).length === 0,
  };
}

function streamed(blob: Blob): PromisedThing {
  return {
    kind: 'stream',
    blobs: [blob],
    put: async (clients) => void (await write(clients, uploadName(blob), blob.data)),
    ask: async (clients) => (await findMissing(clients, [blob.digest])).length === 0,
  };
}

function reference(one: Blob, other: Blob): PromisedThing {
  const leaf = directoryBlob({ other });
  const root = directoryBlob({ one }, { leaf });
  const key = `project/element/${root.digest.hash}`;
  const blobs = [one, other, leaf, root];
  return {
    kind: 'reference',
    blobs,
    async put(clients) {
      await upload(clients, blobs);
      await clients.references.updateReference({ instanceName: '', keys: [key], digest: root.digest });
    },
    ask: (clients) => unlessNotFound(clients.references.getReference({ instanceName: '', key })),
  };
}

function action(output: Blob, stdout: Blob): PromisedThing {
  const actionDigest = randomBlob(100).digest;
  const actionResult = resultOf({ outputFiles: [outputFile('out', output)], stdoutDigest: stdout.digest });
  return {
    kind: 'action',
    blobs: [output, stdout],
    async put(clients) {
      await upload(clients, [output, stdout]);
      await clients.actions.updateActionResult({
        instanceName: '',
        actionDigest,
        actionResult,
        resultsCachePolicy: undefined,
        digestFunction: 0,
      });
    },
    ask: (clients) =>
      unlessNotFound(
        clients.actions.getActionResult({
          instanceName: '',
          actionDigest,
          inlineStdout: false,
          inlineStderr: false,
          inlineOutputFiles: [],
          digestFunction: 0,
        }),
      ),
  };
}

function asset(blob: Blob): PromisedThing {
  const uris = [freshUri()];
  return {
    kind: 'asset',
    blobs: [blob],
    async put(clients) {
      await upload(clients, [blob]);
      await pushBlob(clients, uris, blob.digest);
    },
    ask: (clients) => unlessNotFound(fetchBlob(clients, uris)),
  };
}
