import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Digest } from '../../src/gen/build/bazel/remote/execution/v2/remote_execution.ts';
import { served } from '../support/served.ts';
import { memoryOf } from '../support/fuzz-process.ts';
import { chain, directoryNode, emptyElements, fileNode, rawDirectory } from '../support/fuzz-trees.ts';
import { verdict } from '../support/fuzz-verdict.ts';
import type { Weir } from '../support/weir.ts';
import { type Blob, blobOf, type Clients, putBatch, randomBlob, uploadName, write } from '../support/wire.ts';

const MiB = 1024 * 1024;
/** Far above what honest trees take, far below what an unbounded walk of these would. */
const mostMemory = 1200 * MiB;

describe('A hostile tree', () => {
  let weir: Weir;
  let push: Clients;
  let pull: Clients;
  served((site) => ({ weir, push, pull } = site));

  /** What the two methods that walk a tree say: OK, or the name of a status. */
  async function verdicts(
    root: Blob,
    key: string,
  ): Promise<{ getTree: string; update: string; get: string }> {
    const { digest } = root;
    return {
      getTree: await verdict(countDirectories(pull, digest)),
      update: await verdict(push.references.updateReference({ instanceName: '', keys: [key], digest })),
      get: await verdict(pull.references.getReference({ instanceName: '', key })),
    };
  }

  test('with two ways down at each of 60 levels is walked once', async () => {
    const levels = chain(60, 2);
    await upload(push, levels);
    const root = levels.at(-1) ?? randomBlob(1);
    assert.equal(await countDirectories(pull, root.digest), 60);
    assert.deepEqual(await verdicts(root, 'hostile/diamond/k'), { getTree: 'OK', update: 'OK', get: 'OK' });
  });

  test('with 5,000 levels is beyond the bounds', async () => {
    const levels = chain(5000);
    await upload(push, levels);
    const beyond = { getTree: 'RESOURCE_EXHAUSTED', update: 'RESOURCE_EXHAUSTED', get: 'NOT_FOUND' };
    assert.deepEqual(await verdicts(levels.at(-1) ?? randomBlob(1), 'hostile/deep/k'), beyond);
    assert.equal(await countDirectories(pull, (levels[4000] ?? randomBlob(1)).digest), 4001);
  });

  test('with 100,000 entries in one folder is served', async () => {
    const file = randomBlob(10);
    const nodes = Array.from({ length: 100_000 }, (_, index) => fileNode(`file-${index}`, file.digest));
    const root = rawDirectory({ files: nodes });
    await upload(push, [file, root]);
    assert.deepEqual(await verdicts(root, 'hostile/wide/k'), { getTree: 'OK', update: 'OK', get: 'OK' });
  });

  test('of short entries that would be large in memory is refused and harms nobody', async () => {
    const fields = [1, 2, 3, 1, 2, 3, 3, 3];
    const bombs = fields.map((field, index) => emptyElements(field, 14 * MiB, `${index}`));
    await upload(push, bombs);
    const root = rawDirectory({
      directories: bombs.map(({ digest }, index) => directoryNode(`${index}`, digest)),
    });
    await upload(push, [root]);
    const calls = Array.from({ length: 6 }, async () => await verdict(countDirectories(pull, root.digest)));
    assert.deepEqual(new Set(await Promise.all(calls)), new Set(['RESOURCE_EXHAUSTED']));
    assert.equal((await verdicts(root, 'hostile/bomb/k')).update, 'RESOURCE_EXHAUSTED');
    const most = await memoryOf(weir.pid, 'most');
    assert.ok(most < mostMemory, `the server held ${Math.round(most / MiB)} MiB`);
  });

  test('of many small directories full of short entries is walked in bounded memory', async () => {
    const bombs = Array.from({ length: 120 }, (_, index) => emptyElements(3, 240_000, `${index}`));
    await upload(push, bombs);
    const root = rawDirectory({
      directories: bombs.map(({ digest }, index) => directoryNode(`${index}`, digest)),
    });
    await upload(push, [root]);
    const update = push.references.updateReference({
      instanceName: '',
      keys: ['hostile/many/k'],
      digest: root.digest,
    });
    assert.equal(await verdict(update), 'OK');
    const most = await memoryOf(weir.pid, 'most');
    assert.ok(most < mostMemory, `the server held ${Math.round(most / MiB)} MiB`);
  });

  const zeros = '0'.repeat(64);
  const file = randomBlob(100);
  const invalid: [what: string, digest: Digest | undefined][] = [
    ['no digest', undefined],
    ['an empty hash', { hash: '', sizeBytes: 0n }],
    ['a path for a hash', { hash: `../../${'a'.repeat(58)}`, sizeBytes: 10n }],
    ['a hash in upper case', { hash: file.digest.hash.toUpperCase(), sizeBytes: 100n }],
    ['a negative size', { hash: zeros, sizeBytes: -1n }],
    ['the largest size', { hash: zeros, sizeBytes: 2n ** 63n - 1n }],
  ];
  for (const [what, digest] of invalid) {
    test(`whose entry has ${what} is refused`, async () => {
      const asFile = rawDirectory({ files: [fileNode('f', digest)] });
      const asDirectory = rawDirectory({ directories: [directoryNode('d', digest)] });
      await upload(push, [asFile, asDirectory]);
      const refused = { update: 'INVALID_ARGUMENT', get: 'NOT_FOUND' };
      assert.deepEqual(await verdicts(asFile, 'hostile/file/k'), { getTree: 'OK', ...refused });
      assert.deepEqual(await verdicts(asDirectory, 'hostile/directory/k'), {
        getTree: 'INVALID_ARGUMENT',
        ...refused,
      });
    });
  }

  const missing: [what: string, root: Blob][] = [
    [
      'gives a file another size',
      rawDirectory({ files: [fileNode('f', { ...file.digest, sizeBytes: 99n })] }),
    ],
    ['gives a file no bytes', rawDirectory({ files: [fileNode('f', { ...file.digest, sizeBytes: 0n })] })],
    ['has a file that nobody sent', rawDirectory({ files: [fileNode('f', randomBlob(10).digest)] })],
    [
      'has a directory of a petabyte',
      rawDirectory({ directories: [directoryNode('d', { hash: zeros, sizeBytes: 10n ** 15n })] }),
    ],
  ];
  for (const [what, root] of missing) {
    test(`that ${what} is not whole, and what it names stays as it is`, async () => {
      await upload(push, [file, root]);
      const { update, get } = await verdicts(root, 'hostile/missing/k');
      assert.match(update, /^(FAILED_PRECONDITION|RESOURCE_EXHAUSTED)$/);
      assert.equal(get, 'NOT_FOUND');
      assert.equal(
        await verdict(countDirectories(pull, root.digest)).then((text) => text !== 'UNKNOWN'),
        true,
      );
      const { responses } = await pull.cas.batchReadBlobs({
        instanceName: '',
        digests: [file.digest],
        acceptableCompressors: [],
        digestFunction: 0,
      });
      assert.deepEqual(Buffer.from(responses[0]?.data ?? []), Buffer.from(file.data));
    });
  }

  test('that names a file twice, and itself under two names, is whole', async () => {
    const twice = rawDirectory({ files: [fileNode('f', file.digest), fileNode('f', file.digest)] });
    const root = rawDirectory({
      directories: [directoryNode('d', twice.digest), directoryNode('d', twice.digest)],
    });
    await upload(push, [file, twice, root]);
    assert.equal(await countDirectories(pull, root.digest), 2);
    assert.deepEqual(await verdicts(root, 'hostile/twice/k'), { getTree: 'OK', update: 'OK', get: 'OK' });
  });

  for (const bytes of [
    [0],
    [0xff],
    [0x0a, 0x05],
    [0x0b],
    [0x0b, 0x0b, 0x0b],
    [0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f],
  ]) {
    test(`whose root is the bytes ${Buffer.from(bytes).toString('hex')} has a proper answer`, async () => {
      const root = blobOf(Buffer.concat([Buffer.from(bytes), randomBlob(20).data]));
      await upload(push, [root]);
      for (const status of Object.values(await verdicts(root, `hostile/random-${bytes.join('-')}/k`)))
        assert.match(status, /^(OK|INVALID_ARGUMENT|NOT_FOUND|FAILED_PRECONDITION)$/);
    });
  }

  test('of groups within groups ends the reading, not the server', async () => {
    const root = blobOf(Buffer.alloc(4 * MiB, 0x0b));
    await upload(push, [root]);
    assert.deepEqual(await verdicts(root, 'hostile/groups/k'), {
      getTree: 'INVALID_ARGUMENT',
      update: 'INVALID_ARGUMENT',
      get: 'NOT_FOUND',
    });
  });
});

async function countDirectories(clients: Clients, rootDigest: Digest): Promise<number> {
  let count = 0;
  const request = { instanceName: '', rootDigest, pageSize: 0, pageToken: '', digestFunction: 0 as const };
  for await (const { directories } of clients.cas.getTree(request)) count += directories.length;
  return count;
}

/** Small ones in batches, large ones one by one. */
async function upload(clients: Clients, blobs: readonly Blob[]): Promise<void> {
  const small = blobs.filter(({ data }) => data.length < MiB);
  for (let at = 0; at < small.length; at += 1000) await putBatchInPieces(clients, small.slice(at, at + 1000));
  for (const blob of blobs.filter(({ data }) => data.length >= MiB))
    await write(clients, uploadName(blob), blob.data, MiB);
}

async function putBatchInPieces(clients: Clients, blobs: readonly Blob[]): Promise<void> {
  let piece: Blob[] = [];
  let bytes = 0;
  for (const blob of blobs) {
    if (bytes + blob.data.length > 3 * MiB) {
      await putBatch(clients, piece);
      [piece, bytes] = [[], 0];
    }
    piece.push(blob);
    bytes += blob.data.length;
  }
  await putBatch(clients, piece);
}
