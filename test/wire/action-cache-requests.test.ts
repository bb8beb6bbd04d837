import assert from 'node:assert/strict';
import { lstat, readdir, readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { createClient } from 'nice-grpc';
import { ServerReflectionService } from 'nice-grpc-server-reflection';
import reflectionMessages from 'nice-grpc-server-reflection/lib/proto/grpc/reflection/v1/reflection_pb.js';
import {
  type ActionResult,
  DigestFunction_Value,
  Tree,
} from '../../src/gen/build/bazel/remote/execution/v2/remote_execution.ts';
import {
  blobBy,
  directoryOf,
  getAction,
  outputDirectory,
  outputFile,
  putBlobs,
  resultOf,
  type SampleAction,
  sampleAction,
  updateAction,
} from '../support/action-samples.ts';
import { memoryOf } from '../support/fuzz-process.ts';
import { type Served, served } from '../support/served.ts';
import { blobOf, failure, putBatch, randomBlob, uploadName, write } from '../support/wire.ts';

const MiB = 1024 * 1024;

async function cached({ push }: Pick<Served, 'push'>): Promise<SampleAction> {
  const action = await sampleAction();
  await putBlobs(push, action.blobs.values());
  await updateAction(push, action);
  return action;
}

/** Every file of the action cache. */
async function records(volume: string): Promise<string[]> {
  const folder = join(volume, 'weir', 'ac');
  const names = await readdir(folder, { recursive: true }).catch(() => []);
  const files = [];
  for (const path of names.map((name) => join(folder, name))) {
    if ((await lstat(path)).isFile()) files.push(path);
  }
  return files.toSorted();
}

void describe('UpdateActionResult', () => {
  let site: Served;
  served((it) => (site = it), { env: { REFLECTION: 'true' } });

  void test('is refused for pulling, with what to use in its place, and changes nothing', async () => {
    const action = await sampleAction();
    await putBlobs(site.push, action.blobs.values());
    const before = await records(site.weir.volume);
    const { status, message } = await failure(updateAction(site.pull, action));
    assert.equal(status, 'PERMISSION_DENIED');
    assert.match(message, /port 11002 with a client certificate/);
    assert.equal((await failure(getAction(site.push, action))).status, 'NOT_FOUND');
    assert.deepEqual(await records(site.weir.volume), before);
  });

  void test('is said to be possible where it is, and nowhere else', async () => {
    for (const [clients, updateEnabled] of [
      [site.push, true],
      [site.pull, false],
    ] as const) {
      const { cacheCapabilities } = await clients.capabilities.getCapabilities({ instanceName: 'main' });
      assert.deepEqual(cacheCapabilities?.actionCacheUpdateCapabilities, { updateEnabled });
    }
  });

  void test('belongs to a service that server reflection names', async () => {
    const reflection = createClient(ServerReflectionService, site.pull.channel);
    const names: string[] = [];
    for await (const answer of reflection.serverReflectionInfo(listServices())) {
      const services = answer.getListServicesResponse()?.getServiceList() ?? [];
      names.push(...services.map((service) => service.getName()));
    }
    assert.ok(names.includes('build.bazel.remote.execution.v2.ActionCache'), names.join());
  });

  const { digest } = blobOf('never uploaded');
  const malformed: Record<string, Partial<ActionResult>> = {
    'an output file without a digest': { outputFiles: [outputFile('file', undefined)] },
    'an output file of a negative size': { outputFiles: [outputFile('file', { ...digest, sizeBytes: -1n })] },
    'an output file whose hash leads elsewhere': {
      outputFiles: [outputFile('file', { ...digest, hash: '../../../etc/passwd' })],
    },
    'an output file by another digest function': {
      outputFiles: [outputFile('file', { ...digest, hash: 'a'.repeat(40) })],
    },
    'a Tree message whose hash is none': {
      outputDirectories: [outputDirectory('tree', { tree: { ...digest, hash: 'A'.repeat(64) } })],
    },
    'a root directory whose hash is none': {
      outputDirectories: [outputDirectory('root', { root: { ...digest, hash: '' } })],
    },
    'an output directory that is nowhere': { outputDirectories: [outputDirectory('tree', {})] },
    'a standard output whose hash is none': { stdoutDigest: { ...digest, hash: 'x' } },
    'a standard error of a size that is none': { stderrDigest: { ...digest, sizeBytes: 2n ** 62n } },
  };

  for (const [what, given] of Object.entries(malformed)) {
    void test(`refuses ${what}`, async () => {
      const action = { ...(await sampleAction()), result: resultOf(given) };
      assert.equal((await failure(updateAction(site.push, action))).status, 'INVALID_ARGUMENT');
      assert.equal((await failure(getAction(site.pull, action))).status, 'NOT_FOUND');
    });
  }

  void test('and GetActionResult refuse what names no action', async () => {
    const action = await cached(site);
    const given = [
      { actionDigest: undefined },
      { actionDigest: { ...digest, hash: '../../../etc/passwd' } },
      { actionDigest: { ...digest, hash: digest.hash.toUpperCase() } },
      { actionDigest: { ...digest, sizeBytes: -1n } },
      { instanceName: '../x' },
      { instanceName: 'a//b' },
      { instanceName: 'a/actionResults/b' },
      { digestFunction: DigestFunction_Value.MD5 },
      { digestFunction: DigestFunction_Value.SHA1 },
    ];
    for (const some of given) {
      const wrong = JSON.stringify(some, (_, value: unknown) =>
        typeof value === 'bigint' ? `${value}` : value,
      );
      const got = await failure(getAction(site.pull, action, some));
      assert.equal(got.status, 'INVALID_ARGUMENT', wrong);
      assert.equal((await failure(updateAction(site.push, action, some))).status, got.status, wrong);
    }
    const without = updateAction(site.push, action, { actionResult: undefined });
    assert.equal((await failure(without)).status, 'INVALID_ARGUMENT');
  });

  for (const [what, bytes] of [
    ['text', Buffer.from('this is no Tree, whatever else it may be')],
    ['zeros', Buffer.alloc(1000)],
    ['a tree with something behind it', Buffer.concat([Buffer.from([0x0a, 0x00]), Buffer.alloc(3)])],
  ] as const) {
    void test(`refuses ${what} as a Tree message and as a root directory`, async () => {
      const blob = blobOf(bytes);
      await putBatch(site.push, [blob]);
      for (const digests of [{ tree: blob.digest }, { root: blob.digest }]) {
        const result = resultOf({ outputDirectories: [outputDirectory('out', digests)] });
        const action = { ...(await sampleAction()), result };
        assert.equal((await failure(updateAction(site.push, action))).status, 'INVALID_ARGUMENT');
      }
    });
  }

  for (const [what, message] of [
    ['folders', Buffer.alloc(2 * MiB, Buffer.from([0x12, 0]))],
    // A root of two MiB, and in it nothing but files.
    [
      'files',
      Buffer.concat([
        Buffer.from([0x0a, 0x80, 0x80, 0x80, 0x01]),
        Buffer.alloc(2 * MiB, Buffer.from([0x0a, 0])),
      ]),
    ],
  ] as const) {
    void test(`refuses a Tree message of a million ${what}, in bounded memory`, async () => {
      const blob = blobOf(message);
      await write(site.push, uploadName(blob), blob.data);
      const result = resultOf({ outputDirectories: [outputDirectory('out', { tree: blob.digest })] });
      for (let count = 0; count < 3; count++) {
        const { status } = await failure(updateAction(site.push, { ...(await sampleAction()), result }));
        assert.match(status, /^(RESOURCE_EXHAUSTED|INVALID_ARGUMENT)$/);
      }
      assert.ok((await memoryOf(site.weir.pid, 'most')) < 500 * MiB);
    });
  }

  void test('takes a directory without anything in it', async () => {
    const empty = directoryOf(blobOf(''));
    const root = { ...empty, files: [] };
    const tree = await blobBy('sha256', Tree.encode({ root, children: [] }).finish());
    await putBatch(site.push, [tree]);
    const digests = { tree: tree.digest, root: blobOf('').digest };
    const result = resultOf({ outputDirectories: [outputDirectory('out', digests)] });
    const action = { ...(await sampleAction()), result };
    await updateAction(site.push, action);
    assert.deepEqual(await getAction(site.pull, action), result);
  });

  void test('takes thousands of outputs, most of them the same', async () => {
    const sample = await cached(site);
    const tree = sample.blobs.get('the Tree message');
    const file = randomBlob(10);
    await putBatch(site.push, [file]);
    const numbers = Array.from({ length: 4000 }, (_, index) => index);
    const result = resultOf({
      outputFiles: numbers.map((index) => outputFile(`some/folder/file-${index}`, file.digest)),
      outputDirectories: numbers.map((index) => outputDirectory(`tree-${index}`, { tree: tree?.digest })),
    });
    const action = { ...(await sampleAction()), result };
    await updateAction(site.push, action);
    assert.deepEqual(await getAction(site.pull, action), result);
  });

  void test('refuses a message beyond the longest', async () => {
    const action = { ...(await sampleAction()), result: resultOf({ stdoutRaw: Buffer.alloc(8 * MiB) }) };
    assert.equal((await failure(updateAction(site.push, action))).status, 'RESOURCE_EXHAUSTED');
  });

  void test('never takes a result whose answer would be longer than clients take', async () => {
    const stdoutRaw = Buffer.alloc(5 * MiB);
    const action = { ...(await sampleAction()), result: resultOf({ stdoutRaw }) };
    const { status } = await failure(updateAction(site.push, action));
    assert.match(status, /^(RESOURCE_EXHAUSTED|INVALID_ARGUMENT)$/);
    assert.equal((await failure(getAction(site.pull, action))).status, 'NOT_FOUND');
  });

  for (const [what, damage] of [
    ['empty', async (path: string) => await truncate(path, 0)],
    ['cut short', async (path: string) => await truncate(path, (await readFile(path)).length - 1)],
    ['text', async (path: string) => await writeFile(path, 'no result of any action')],
    ['bytes that end early', async (path: string) => await writeFile(path, Buffer.alloc(50, 0xff))],
    ['longer than any result', async (path: string) => await writeFile(path, Buffer.alloc(9 * MiB, 'x'))],
  ] as const) {
    void test(`reads a stored result that is ${what} as not found, until it is stored again`, async () => {
      const before = await records(site.weir.volume);
      const action = await cached(site);
      const added = (await records(site.weir.volume)).filter((path) => !before.includes(path));
      assert.equal(added.length, 1);
      await damage(added[0] ?? '');
      assert.equal((await failure(getAction(site.pull, action))).status, 'NOT_FOUND');
      assert.deepEqual(await records(site.weir.volume), [...before, ...added].toSorted());
      await updateAction(site.push, action);
      assert.deepEqual(await getAction(site.pull, action), action.result);
    });
  }
});

async function* listServices() {
  yield await Promise.resolve(new reflectionMessages.ServerReflectionRequest().setListServices('*'));
}
