// R7, for what is found by a key: a damaged record is no answer, never another one, and the next push heals it.
import assert from 'node:assert/strict';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import pMap from 'p-map';
import { ClientError, Status } from 'nice-grpc';
import { ActionResult } from '../../src/gen/build/bazel/remote/execution/v2/remote_execution.ts';
import {
  getAction,
  putBlobs,
  type SampleAction,
  sampleAction,
  updateAction,
} from '../support/action-samples.ts';
import { fetchBlob, fetchDirectory, freshUri, pushBlob, pushDirectory } from '../support/assets.ts';
import { split, splice } from '../support/chunk-calls.ts';
import { digestsOf, parts, store } from '../support/chunked-blobs.ts';
import { ask } from '../support/http-cache.ts';
import { figure, seededRandom, sized } from '../support/promise-size.ts';
import { damageFile } from '../support/rot-corpus.ts';
import { served, type Served } from '../support/served.ts';
import { sampleTree } from '../support/trees.ts';
import { failure, putBatch, randomBlob } from '../support/wire.ts';

const { rounds, ofKind } = sized({ short: { rounds: 5, ofKind: 4 }, long: { rounds: 80, ofKind: 6 } });
const atOnce = 8;

/** Something that is kept under a key. */
interface Kept {
  /** Stores it, or stores it again. */
  push(): Promise<unknown>;
  /** What somebody who pulls is told, as a text; rejects when nothing is known. */
  ask(): Promise<string>;
  readonly right: string;
}

const folders = [
  'cas/refs/heads',
  ...['refs', 'ac', 'assets', 'values', 'chunkings'].map((name) => `weir/${name}`),
];

async function recordFiles(volume: string): Promise<string[]> {
  const found = await pMap(folders, (folder) =>
    readdir(join(volume, folder), { recursive: true, withFileTypes: true }),
  );
  return found
    .flat()
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

const textOf = (digests: readonly ({ hash: string; sizeBytes: bigint } | undefined)[]) =>
  digests.map((digest) => `${digest?.hash}/${digest?.sizeBytes}`).join();

async function reference({ push, pull }: Served, instanceName: string): Promise<Kept> {
  const tree = sampleTree();
  await putBatch(push, tree.blobs);
  const { digest } = tree.root;
  const key = `project/element/${digest.hash.slice(0, 20)}`;
  return {
    push: () => push.references.updateReference({ instanceName, keys: [key], digest }),
    ask: async () => textOf([(await pull.references.getReference({ instanceName, key })).digest]),
    right: textOf([digest]),
  };
}

async function action({ push, pull }: Served, hashing: 'sha256' | 'blake3'): Promise<Kept> {
  const whole = await sampleAction(hashing);
  // Text of which any other is a result as well: only the seal can tell.
  const result = { ...whole.result, stderrDigest: undefined, stderrRaw: randomBlob(2000).data };
  const sample: SampleAction = { ...whole, result };
  await putBlobs(push, sample.blobs.values(), sample.digestFunction);
  const text = (result: ActionResult) => Buffer.from(ActionResult.encode(result).finish()).toString('hex');
  return {
    push: () => updateAction(push, sample),
    ask: async () => text(await getAction(pull, sample)),
    right: text(sample.result),
  };
}

async function asset({ push, pull }: Served): Promise<Kept> {
  const blob = randomBlob(900);
  const referenced = randomBlob(90);
  await putBatch(push, [blob, referenced]);
  const uri = freshUri();
  return {
    push: () => pushBlob(push, [uri], blob.digest, { referencesBlobs: [referenced.digest] }),
    ask: async () => textOf([(await fetchBlob(pull, [uri])).blobDigest]),
    right: textOf([blob.digest]),
  };
}

async function directoryAsset({ push, pull }: Served): Promise<Kept> {
  const tree = sampleTree();
  await putBatch(push, tree.blobs);
  const uri = freshUri();
  return {
    push: () => pushDirectory(push, [uri], tree.root.digest),
    ask: async () => textOf([(await fetchDirectory(pull, [uri])).rootDirectoryDigest]),
    right: textOf([tree.root.digest]),
  };
}

function value({ weir }: Served): Kept {
  const blob = randomBlob(1200);
  const at = (role: 'pull' | 'push', method: string, body?: Uint8Array) =>
    ask(method, `http://weir/ac/key-${blob.digest.hash}`, {
      socketPath: join(weir.socketsDir, `${role}-http.sock`),
      body,
    });
  return {
    push: () => at('push', 'PUT', blob.data),
    async ask() {
      const { status, body } = await at('pull', 'GET');
      if (status === 404) throw new ClientError('GET', Status.NOT_FOUND, body.toString());
      return `${status} ${body.toString('hex')}`;
    },
    right: `200 ${Buffer.from(blob.data).toString('hex')}`,
  };
}

async function chunking({ push, pull }: Served): Promise<Kept> {
  const { whole, chunks } = parts();
  await store(push, [...chunks, whole]);
  const digests = digestsOf(chunks);
  return {
    push: () => splice(push, whole.digest, digests),
    ask: async () => textOf((await split(pull, whole.digest)).chunkDigests),
    right: textOf(digests),
  };
}

void describe('what is found by a key', () => {
  let site: Served;
  served((it) => (site = it), { http: true });

  test('is never another answer when its record is damaged, and a push heals it', async (t) => {
    const kept: Kept[] = [];
    for (let index = 0; index < ofKind; index++) {
      kept.push(
        await reference(site, ''),
        await reference(site, 'team/a'),
        await action(site, index % 2 === 0 ? 'sha256' : 'blake3'),
        await asset(site),
        await directoryAsset(site),
        value(site),
        ...(index % 2 === 0 ? [await chunking(site)] : []),
      );
    }
    const random = seededRandom(7);
    const figures = { damages: 0, right: 0, notFound: 0, wrong: 0, healed: 0 };
    await pMap(kept, (each) => each.push(), { concurrency: atOnce });
    for (let round = 0; round < rounds; round++) {
      const files = await recordFiles(site.weir.volume);
      assert.equal(files.length, kept.length);
      for (const path of files) await damageFile(path, random);
      figures.damages += files.length;
      await pMap(
        kept,
        async (each) => {
          const answer = await each.ask().catch((error: unknown) => {
            assert.ok(error instanceof ClientError && error.code === Status.NOT_FOUND, String(error));
            return undefined;
          });
          // BuildStream's references have no seal, and some zeros behind one say nothing else than it does.
          if (answer === undefined) figures.notFound++;
          else if (answer === each.right) figures.right++;
          else figures.wrong++;
        },
        { concurrency: atOnce },
      );
      assert.equal(figures.wrong, 0, JSON.stringify(figures));
      await pMap(
        kept,
        async (each) => {
          await each.push();
          assert.equal(await each.ask(), each.right);
          figures.healed++;
        },
        { concurrency: atOnce },
      );
    }
    assert.ok(figures.notFound > figures.right, JSON.stringify(figures));
    figure(t, figures);
  });

  test('is not told from the text of a record that has another letter', async () => {
    const { result, ...whole } = await sampleAction();
    const stderrRaw = Buffer.from('error: the compiler says what is wrong');
    const sample = { ...whole, result: { ...result, stderrDigest: undefined, stderrRaw } };
    await putBlobs(site.push, sample.blobs.values());
    await updateAction(site.push, sample);
    assert.deepEqual((await getAction(site.pull, sample)).stderrRaw, stderrRaw);
    const { hash } = sample.actionDigest;
    const path = join(site.weir.volume, 'weir', 'ac', '=', 'sha256', hash.slice(0, 2), hash.slice(2));
    const record = await readFile(path);
    const at = record.indexOf(stderrRaw);
    assert.ok(at > 0);
    record.write('E', at);
    await writeFile(path, record);
    assert.equal((await failure(getAction(site.pull, sample))).status, 'NOT_FOUND');
    await updateAction(site.push, sample);
    assert.deepEqual((await getAction(site.pull, sample)).stderrRaw, stderrRaw);
  });
});
