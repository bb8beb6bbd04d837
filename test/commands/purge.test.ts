import assert from 'node:assert/strict';
import { readFile, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { outputFile, resultOf } from '../support/actions.ts';
import { pushBlob } from '../support/assets.ts';
import { interrupted } from '../support/command.ts';
import { freshVolume, withServerOn } from '../support/on-volume.ts';
import { pushTree } from '../support/pushed-trees.ts';
import { exists, traces } from '../support/volume-damage.ts';
import { startWeir, type Weir } from '../support/weir.ts';
import { jsonLines, weirOn } from '../support/weir-command.ts';
import {
  type Clients,
  clientsAt,
  downloadName,
  failure,
  putBatch,
  randomBlob,
  read,
} from '../support/wire.ts';

const longAgo = 1_000_000_000;

/** A server on a volume with references of two projects and of an instance, and a record of each other kind. */
async function filledVolume(t: TestContext) {
  const volume = await freshVolume(t);
  const server = await startWeir({ volume, tcp: true, http: true });
  const clients = clientsAt(server.pushAddress);
  t.after(async () => {
    clients.close();
    await server.stop();
  });
  for (const key of ['one/e/k1', 'one/e/k2', 'one/f/k1', 'two/e/k1']) await pushTree(clients, key, [100]);
  await pushTree(clients, 'one/e/k1', [100], 'team/a');
  const [action, output, asset] = [randomBlob(100), randomBlob(101), randomBlob(102)];
  await putBatch(clients, [output, asset]);
  await clients.actions.updateActionResult({
    instanceName: '',
    actionDigest: action.digest,
    actionResult: resultOf({ outputFiles: [outputFile('out', output)] }),
    resultsCachePolicy: undefined,
    digestFunction: 0,
  });
  await pushBlob(clients, ['https://example.com/asset'], asset.digest);
  await fetch(`${server.pushUrl}/ac/some-key`, { method: 'PUT', body: 'a value' });
  return { volume, server, clients, action, asset };
}

/** All files of a volume but those that servers write to by themselves, with all that shows that one was used or changed. */
async function tracesOf(volume: string): Promise<Record<string, unknown>> {
  const entries = await readdir(volume, { recursive: true, withFileTypes: true });
  const paths = entries
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name));
  const own = new Set(['clock', 'janitor-lock', 'incomplete'].map((name) => join(volume, 'weir', name)));
  const changing = (path: string) =>
    own.has(path) ||
    ['usage', 'processes', 'trash'].some((folder) => path.startsWith(join(volume, 'weir', folder)));
  const found = paths.filter((path) => !changing(path) && !path.startsWith(join(volume, 'tmp'))).sort();
  return Object.fromEntries(
    await Promise.all(found.map(async (path) => [path, { ...(await traces(path)), atimeMs: 0 }] as const)),
  );
}

function referenceFile(volume: string, key: string): string {
  return join(volume, 'cas', 'refs', 'heads', key);
}

async function refsLeft(volume: string): Promise<string[]> {
  const kinds = await weirOn(volume, 'ls', '--kind', 'all', '--json');
  return jsonLines(kinds).map(({ ref }) => String(ref));
}

void test('a purge says first what would go, and changes nothing; with --yes exactly that goes', async (t) => {
  const { volume, clients } = await filledVolume(t);
  const before = await tracesOf(volume);
  const refs = await refsLeft(volume);
  const dry = await weirOn(volume, 'purge', '--ref', 'one/*');
  assert.equal(dry.code, 0);
  assert.match(dry.out, /^would remove 3 references\n {2}one\/e\/k1\n {2}one\/e\/k2\n {2}one\/f\/k1\n/);
  assert.match(dry.out, /Nothing was changed: --yes removes them/);
  const said = jsonLines(await weirOn(volume, 'purge', '--ref', 'one/*', '--json'));
  assert.deepEqual(
    said.map(({ ref }) => ref),
    ['one/e/k1', 'one/e/k2', 'one/f/k1', undefined],
  );
  assert.deepEqual(await tracesOf(volume), before);

  const { root, blobs } = await pushTree(clients, 'one/e/k1', [100]);
  const done = await weirOn(volume, 'purge', '--ref', 'one/*', '--yes');
  assert.deepEqual({ code: done.code, err: done.err }, { code: 0, err: '' });
  assert.match(done.out, /^removed 3 references\n/);
  const gone = new Set(['one/e/k1', 'one/e/k2', 'one/f/k1']);
  assert.deepEqual(
    await refsLeft(volume),
    refs.filter((ref) => !gone.has(ref)),
  );
  const { status } = await failure(clients.references.getReference({ instanceName: '', key: 'one/e/k1' }));
  assert.equal(status, 'NOT_FOUND');
  // Who was given the reference just before finds what it was promised.
  for (const blob of [root, ...blobs])
    assert.ok((await read(clients, downloadName(blob))).equals(Buffer.from(blob.data)));
  await clients.references.updateReference({ instanceName: '', keys: ['one/e/k1'], digest: root.digest });
  await clients.references.getReference({ instanceName: '', key: 'one/e/k1' });
});

void test('a purge goes by instance, kind and age, and by all of them together', async (t) => {
  const { volume, action } = await filledVolume(t);
  const ref = (lines: Record<string, unknown>[]) => lines.slice(0, -1).map((one) => one['ref']);
  const would = async (...args: string[]) => ref(jsonLines(await weirOn(volume, 'purge', '--json', ...args)));
  assert.deepEqual(await would('--instance', 'team/a'), ['team/a:one/e/k1']);
  assert.deepEqual(await would('--ref', 'team/a:one/*'), ['team/a:one/e/k1']);
  assert.deepEqual(await would('--instance', 'team/a', '--ref', 'one/*'), ['team/a:one/e/k1']);
  assert.deepEqual(await would('--instance', '', '--kind', 'action'), [action.digest.hash]);
  assert.deepEqual(await would('--ref', 'https://*', '--kind', 'reference'), []);
  assert.deepEqual(await would('--ref', 'https://example.*'), ['https://example.com/asset']);
  assert.deepEqual(await would('--ref', '*/e/*1'), ['one/e/k1', 'two/e/k1', 'team/a:one/e/k1']);
  assert.deepEqual(await would('--older-than', '1h'), []);
  await utimes(referenceFile(volume, 'one/f/k1'), longAgo, longAgo);
  assert.deepEqual(await would('--older-than', '1h'), ['one/f/k1']);
  assert.deepEqual(await would('--older-than', '1h', '--ref', 'two/*'), []);
  const done = await weirOn(volume, 'purge', '--older-than', '30d', '--yes');
  assert.match(done.out, /^removed 1 reference\n {2}one\/f\/k1\n/);
  assert.deepEqual(await would('--older-than', '30d'), []);
});

void test('what is pinned stays, unless it is asked for; then its pin goes too', async (t) => {
  const { volume } = await filledVolume(t);
  assert.equal((await weirOn(volume, 'pin', 'one/e/k2')).code, 0);
  const spared = await weirOn(volume, 'purge', '--ref', 'one/*', '--yes');
  assert.match(spared.out, /^removed 2 references\n/);
  assert.match(spared.out, /1 pinned name among them stays \(--pinned takes those too\)/);
  assert.ok(await exists(referenceFile(volume, 'one/e/k2')));
  const taken = await weirOn(volume, 'purge', '--ref', 'one/*', '--yes', '--pinned');
  assert.match(taken.out, /^removed 1 reference\n {2}one\/e\/k2\n/);
  assert.deepEqual(await readdir(join(volume, 'weir', 'pins')), []);
});

void test('pulls and pushes of others go on while everything else is purged again and again', async (t) => {
  const { volume, server, clients } = await filledVolume(t);
  const kept = await pushTree(clients, 'kept/e/k', [1000, 2000]);
  const stop = new AbortController();
  const others = pullAndPush(server, kept.key, stop.signal);
  try {
    for (let round = 0; round < 2; round++) {
      for (let count = 0; count < 8; count++) await pushTree(clients, `gone/e/k${count}`, [100]);
      const { code, out } = await weirOn(volume, 'purge', '--ref', 'gone/*', '--yes');
      assert.equal(code, 0);
      assert.match(out, /^removed 8 references\n/);
    }
  } finally {
    stop.abort();
  }
  assert.ok((await others) > 0);
  assert.deepEqual(
    (await refsLeft(volume)).filter((ref) => ref.startsWith('gone/')),
    [],
  );
});

/** Pulls a reference with all its tree, and pushes others; resolves with how often. Rejects at the first failure. */
async function pullAndPush(server: Weir, key: string, signal: AbortSignal): Promise<number> {
  const clients: Clients = clientsAt(server.pushAddress);
  let rounds = 0;
  try {
    while (!signal.aborted || rounds === 0) {
      const { digest } = await clients.references.getReference({ instanceName: '', key });
      assert.ok(digest);
      await read(clients, `blobs/${digest.hash}/${digest.sizeBytes}`);
      await pushTree(clients, `others/e/k${rounds++}`, [100]);
    }
  } finally {
    clients.close();
  }
  return rounds;
}

void test('a purge that is stopped says so; the same command goes on with what is left', async (t) => {
  const volume = await freshVolume(t);
  await withServerOn(volume, {}, async (clients) => void (await pushTree(clients, 'many/e/0', [100])));
  const record = await readFile(referenceFile(volume, 'many/e/0'));
  const names = Array.from({ length: 3000 }, (_, index) => `many/e/${index}`);
  for (const name of names) await writeFile(referenceFile(volume, name), record);
  const purge = ['purge', '--ref', 'many/*', '--yes', '--json'];
  const stopped = await interrupted(t, purge, { VOLUME: volume });
  assert.equal(stopped.code, 130);
  assert.match(stopped.err, /stopped before the end/);
  const left = (await refsLeft(volume)).length;
  assert.ok(left > 0 && left < names.length, `${left} are left`);
  const rest = await weirOn(volume, ...purge);
  assert.equal(rest.code, 0);
  assert.equal(jsonLines(rest).filter(({ ref }) => ref !== undefined).length, left);
  assert.deepEqual(await refsLeft(volume), []);
});

void test('what cannot be removed is named, and goes with the next purge; what makes no sense is refused', async (t) => {
  const volume = await freshVolume(t);
  await withServerOn(volume, {}, (clients) => pushTree(clients, 'one/e/k1', [100]));
  for (const args of [[], ['--kind', 'asset'], ['--older-than', 'soon'], ['--ref', '']])
    assert.equal((await weirOn(volume, 'purge', '--yes', ...args)).code, 2, args.join(' '));
  // Names are put aside in there before they go.
  await rm(join(volume, 'tmp'), { recursive: true });
  await writeFile(join(volume, 'tmp'), 'no folder');
  const failed = await weirOn(volume, 'purge', '--ref', 'one/*', '--yes');
  assert.equal(failed.code, 1);
  assert.match(failed.out, /^removed nothing\n1 name could not be removed\n {2}one\/e\/k1: /);
  assert.deepEqual(await refsLeft(volume), ['one/e/k1']);
  await rm(join(volume, 'tmp'));
  assert.match((await weirOn(volume, 'purge', '--instance', '', '--yes')).out, /^removed 1 reference\n/);
  assert.deepEqual(await refsLeft(volume), []);
});
