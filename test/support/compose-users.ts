// What users of a Compose site do: push, pull, and find out that they may not.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { type Acknowledged, pull, push } from './acknowledged.ts';
import type { ClientPair, ComposeSite } from './compose-site.ts';
import { failure, randomBlob } from './wire.ts';

/** A pair of a user, as files are read. */
export async function pairOf(folder: string, name: string): Promise<ClientPair> {
  const text = async (file: string) => await readFile(join(folder, file), 'utf8');
  return { certificate: await text(`${name}.crt`), key: await text(`${name}.key`) };
}

/** One push by this certificate; what it led to afterwards is whole for anybody. */
export async function pushOnce(site: ComposeSite, key: string, pair?: ClientPair): Promise<Acknowledged> {
  const client = site.patientClient('push', pair);
  try {
    return await push(client, key);
  } finally {
    client.close();
  }
}

export async function pullOnce(site: ComposeSite, ...all: readonly Acknowledged[]): Promise<void> {
  const client = site.patientClient('pull');
  try {
    for (const each of all) await pull(client, each);
  } finally {
    client.close();
  }
}

/** How a push by this certificate is refused. */
export async function refusal(site: ComposeSite, pair?: ClientPair, listener: 'pull' | 'push' = 'push') {
  const clients = site.clients(listener, pair);
  const { digest, data } = randomBlob(10);
  const requests = [{ digest, data, compressor: 0 as const }];
  try {
    return await failure(clients.cas.batchUpdateBlobs({ instanceName: '', requests, digestFunction: 0 }));
  } finally {
    clients.close();
  }
}

/**
 * An upload that has begun and waits; `end` lets it go on, and resolves when all of it is there and nothing had to be tried
 * again. It ends with the test in any case.
 */
export async function uploadUnderWay(
  t: TestContext,
  site: ComposeSite,
  pair: ClientPair,
): Promise<{ end: () => Promise<void> }> {
  const client = site.patientClient('push', pair);
  const [begun, goOn] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  t.after(() => {
    goOn.resolve();
    client.close();
  });
  const finished = client.upload(randomBlob(1_000_000), async () => {
    begun.resolve();
    await goOn.promise;
  });
  // Looked at in end(); until then a failure must not count as unhandled.
  finished.catch(() => {});
  await Promise.race([begun.promise, finished]);
  return {
    async end() {
      goOn.resolve();
      await finished;
      assert.equal(client.experience.repeated, 0, 'it was not cut');
    },
  };
}
