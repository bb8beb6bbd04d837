import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, readFile, readlink, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { test, type TestContext } from 'node:test';
import { ChunkingFunction_Value } from '../../src/gen/build/bazel/remote/execution/v2/remote_execution.ts';
import { putBlobs, sampleAction, updateAction } from '../support/action-samples.ts';
import { pushBlob, pushDirectory } from '../support/assets.ts';
import { eventually } from '../support/eventually.ts';
import { fsck, kinds, type Report, start } from '../support/fsck.ts';
import { sampleTree } from '../support/trees.ts';
import { blobFile, exists, quarantinedFile, rot, traces } from '../support/volume-damage.ts';
import { startWeir } from '../support/weir.ts';
import { blobOf, clientsAt, putBatch, randomBlob, uploadName, write } from '../support/wire.ts';

/** Paths that were found, by kind; those of kinds that the test has nothing of are left out. */
function pathsIn({ found }: Report) {
  const some = kinds.map((kind) => [kind, found[kind].first.map(({ path }) => path).sort()] as const);
  return Object.fromEntries(some.filter(([, paths]) => paths.length > 0));
}

/** A server on a volume with something of every kind. */
async function filledVolume(t: TestContext) {
  const server = await startWeir({ tcp: true, http: true });
  const clients = clientsAt(server.pushAddress);
  t.after(async () => {
    clients.close();
    await server.stop();
  });
  const { volume } = server;
  const tree = sampleTree();
  await putBatch(clients, tree.blobs);
  for (const [instanceName, key] of [
    ['', 'project/element/one'],
    ['team/a', 'project/element/two'],
  ] as const)
    await clients.references.updateReference({ instanceName, keys: [key], digest: tree.root.digest });
  const actions = [await sampleAction(), await sampleAction('sha512'), await sampleAction('blake3')];
  for (const action of actions) {
    await putBlobs(clients, action.blobs.values(), action.digestFunction);
    await updateAction(clients, action);
  }
  const asset = randomBlob(900);
  await putBatch(clients, [asset]);
  await pushBlob(clients, ['urn:of:a:blob'], asset.digest);
  await pushDirectory(clients, ['urn:of:a:directory'], tree.root.digest);
  const value = blobOf('what a client keeps');
  await fetch(`${server.pushUrl}/ac/some-key`, { method: 'PUT', body: Buffer.from(value.data) });
  const cut = randomBlob(3_000_000);
  await write(clients, uploadName(cut), cut.data);
  await clients.cas.splitBlob({
    instanceName: '',
    blobDigest: cut.digest,
    digestFunction: 0,
    chunkingFunction: ChunkingFunction_Value.FAST_CDC_2020,
  });
  const records = await recordsOf(volume);
  return { server, clients, volume, tree, actions, asset, value, cut, records };
}

/** Paths of all records, by the folder that they are in. */
async function recordsOf(volume: string): Promise<Record<string, string[]>> {
  const roots = [
    'cas/refs/heads',
    ...['refs', 'ac', 'assets', 'values', 'chunkings'].map((name) => `weir/${name}`),
  ];
  const found: Record<string, string[]> = {};
  for (const root of roots) {
    const entries = await readdir(join(volume, root), { recursive: true, withFileTypes: true });
    found[root] = entries
      .filter((entry) => entry.isFile())
      .map((entry) => relative(volume, join(entry.parentPath, entry.name)))
      .sort();
  }
  return found;
}

void test('beside a server, a volume in order has nothing wrong, and no trace is left of the look', async (t) => {
  const { volume, records, tree, asset, value, cut } = await filledVolume(t);
  const counted = Object.values(records).map((paths) => paths.length);
  assert.ok(counted.every((count) => count > 0));
  const blobs = [...tree.blobs.filter(({ data }) => data.length > 0), asset, value, cut];
  const paths = [
    ...blobs.map((blob) => blobFile(volume, blob)),
    ...Object.values(records).flatMap((some) => some.map((path) => join(volume, path))),
  ];
  const before = await Promise.all(paths.map(traces));
  const { code, report } = await fsck(volume);
  assert.deepEqual(pathsIn(report), {});
  assert.equal(code, 0);
  assert.ok(report.whole);
  assert.deepEqual(report.records, {
    references: (records['cas/refs/heads']?.length ?? 0) + (records['weir/refs']?.length ?? 0),
    'action results': records['weir/ac']?.length,
    assets: records['weir/assets']?.length,
    values: records['weir/values']?.length,
    chunkings: records['weir/chunkings']?.length,
  });
  assert.deepEqual(await Promise.all(paths.map(traces)), before);
  const { code: textCode, out } = await start(volume).ended;
  assert.equal(textCode, 0);
  assert.match(out, /Nothing is wrong\./);
});

void test('what is wrong is named, repaired on demand, and whole again after uploads', async (t) => {
  const { volume, records, tree, actions, asset, value, clients, server } = await filledVolume(t);
  const [inTree, inResult] = [tree.files[3], actions[1]?.blobs.get('a file in that folder')];
  assert.ok(inTree && inResult);
  await rot['a bit flip']?.(blobFile(volume, inTree));
  await rot['a truncation']?.(blobFile(volume, inResult, 'sha512'));
  await rm(blobFile(volume, value));
  const [assetRecord, otherAsset] = await assetRecords(volume, records, asset.digest.hash);
  assert.ok(assetRecord && otherAsset);
  await rot['a bit flip']?.(join(volume, assetRecord));
  const empty = join('cas', 'refs', 'heads', 'project', 'element', 'empty');
  await writeFile(join(volume, empty), '');
  const foreign = join('cas', 'objects', 'ab', 'README');
  await writeFile(join(volume, foreign), 'of somebody');

  const digits = (path: string) => path.split('/').slice(-2).join('');
  const resultOf = (hash: string) => records['weir/ac']?.filter((path) => digits(path) === hash) ?? [];
  const incomplete = [
    ...(records['cas/refs/heads'] ?? []),
    ...(records['weir/refs'] ?? []),
    ...resultOf(actions[1]?.actionDigest.hash ?? ''),
    ...(records['weir/values'] ?? []),
    otherAsset,
  ].sort();
  const damaged = [blobFile(volume, inTree), blobFile(volume, inResult, 'sha512')].map((path) =>
    relative(volume, path),
  );
  const expected = {
    damaged: damaged.sort(),
    unreadable: [assetRecord, empty].sort(),
    incomplete,
    foreign: [foreign],
  };
  const look = await fsck(volume);
  assert.deepEqual(pathsIn(look.report), expected);
  assert.equal(look.code, 1);
  const ofReference = look.report.found.incomplete.first.find(({ path }) => path.startsWith('cas/'));
  assert.match(ofReference?.detail ?? '', new RegExp(inTree.digest.hash));
  const { code: textCode, out } = await start(volume).ended;
  assert.equal(textCode, 1);
  for (const path of damaged) assert.ok(out.includes(path));

  const repair = await fsck(volume, '--repair');
  assert.deepEqual(pathsIn(repair.report), expected);
  assert.equal(repair.code, 1);
  assert.ok(await exists(quarantinedFile(volume, inTree)));
  assert.ok(await exists(quarantinedFile(volume, inResult, 'sha512')));
  for (const path of [assetRecord, empty]) assert.ok(!(await exists(join(volume, path))), path);
  for (const path of [...incomplete, foreign]) assert.ok(await exists(join(volume, path)), path);

  await putBatch(clients, [inTree, value]);
  await putBlobs(clients, [inResult], actions[1]?.digestFunction);
  const after = await fsck(volume);
  assert.deepEqual(pathsIn(after.report), { foreign: [foreign] });
  assert.equal(after.code, 0);
  assert.equal(await server.stop(), 0);
});

/** The record of the asset that leads to this hash, and the other one. */
async function assetRecords(volume: string, records: Record<string, string[]>, hash: string) {
  const [one = '', other = ''] = records['weir/assets'] ?? [];
  return (await readFile(join(volume, one))).includes(hash) ? [one, other] : [other, one];
}

void test('with --index-only what names lead to is not looked for', async (t) => {
  const { volume, value } = await filledVolume(t);
  await rm(blobFile(volume, value));
  assert.equal((await fsck(volume)).code, 1);
  assert.equal((await fsck(volume, '--index-only')).code, 0);
});

void test('ended early it tells what it knows, and says so in its exit code', async (t) => {
  const volume = await mkdtemp(join(tmpdir(), 'weir-fsck-'));
  t.after(() => rm(volume, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 }));
  const bad = join(volume, 'cas', 'objects', '00', 'a'.repeat(62));
  const endless = join(volume, 'cas', 'objects', 'ff', 'a'.repeat(62));
  for (const path of [bad, endless]) {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, 'x');
  }
  // All of it a hole, which takes no room; reading it takes minutes.
  await truncate(endless, 500_000_000_000);
  const { child, ended } = start(volume, '--json');
  t.after(() => child.kill('SIGKILL'));
  await eventually(() => hasOpen(child.pid, endless));
  child.kill('SIGINT');
  const { code, out } = await ended;
  assert.equal(code, 130);
  const report = JSON.parse(out) as Report;
  assert.ok(!report.whole);
  assert.deepEqual(pathsIn(report), { damaged: [relative(volume, bad)] });
});

async function hasOpen(pid: number | undefined, path: string): Promise<boolean> {
  const folder = `/proc/${pid}/fd`;
  const links = await Promise.all(
    (await readdir(folder)).map((name) => readlink(join(folder, name)).catch(() => '')),
  );
  return links.includes(path);
}

void test('a command line that makes no sense, and a directory that is no cache, are usage errors', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'weir-fsck-'));
  t.after(() => rm(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 }));
  assert.equal((await start().ended).code, 2);
  const none = await start(join(folder, 'nowhere')).ended;
  assert.equal(none.code, 2);
  assert.match(none.err, /is no cache/);
  assert.equal((await start(folder, '--repair').ended).code, 2);
  assert.deepEqual(await readdir(folder), []);
  await mkdir(join(folder, 'cas', 'objects'), { recursive: true });
  await mkdir(join(folder, 'weir'));
  await writeFile(join(folder, 'weir', 'version'), '2\n');
  const newer = await start(folder).ended;
  assert.equal(newer.code, 2);
  assert.match(newer.err, /layout 2/);
});
