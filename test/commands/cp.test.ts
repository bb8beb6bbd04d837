// weir cp: names and all that they lead to, from anywhere to anywhere.
import assert from 'node:assert/strict';
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { fetchBlob } from '../support/assets.ts';
import {
  artifactUri,
  assertDigest,
  assertPullable,
  key,
  keyOfTeam,
  pushThings,
} from '../support/copied-things.ts';
import { copied, copySite, startCopy } from '../support/cp.ts';
import { fsck } from '../support/fsck.ts';
import { freshVolume, withServerOn } from '../support/on-volume.ts';
import { looksAlways } from '../support/served.ts';
import { directoryBlob } from '../support/trees.ts';
import { blobFile, exists, rot, traces } from '../support/volume-damage.ts';
import { blobOf, failure, putBatch, randomBlob } from '../support/wire.ts';

void test('between servers, each kind of name goes with all that it leads to, and again costs nothing', async (t) => {
  const [from, to] = [await copySite(t), await copySite(t, looksAlways)];
  const things = await pushThings(from.push);
  const args = [from.pullUrl, to.pushUrl, ...things.refs];
  const first = await copied(t, 0, args);
  assert.deepEqual(first.names, { copied: things.refs.length, present: 0, skipped: 0, failed: 0 });
  await assertPullable(to.pull, things);
  const again = await copied(t, 0, args);
  assert.deepEqual(again.names, { copied: 0, present: things.refs.length, skipped: 0, failed: 0 });
  assert.deepEqual({ sent: again.blobs.sent, bytes: again.sentBytes }, { sent: 0, bytes: 0 });
  // An artifact of BuildStream 2 refers to its tree there too: without a file of that it is no answer.
  await rm(blobFile(to.weir.volume, things.artifact.large));
  assert.equal((await failure(fetchBlob(to.pull, [artifactUri]))).status, 'NOT_FOUND');
  const repaired = await copied(t, 0, [from.pullUrl, to.pushUrl, artifactUri]);
  assert.equal(repaired.sentBytes, things.artifact.large.data.length);
  await assertPullable(to.pull, things);
});

void test('names come from a list too, and go to another instance', async (t) => {
  const [from, to] = [await copySite(t), await copySite(t)];
  const { tree } = await pushThings(from.push);
  const list = `# two of them\n\n${keyOfTeam}\nno/such/name\n`;
  const args = [from.pullUrl, to.pushUrl, '--instance-from', 'team/a', '--instance-to', 'b'];
  const report = await copied(t, 1, [...args, '--names-from', '-'], list);
  assert.deepEqual(report.names, { copied: 1, present: 0, skipped: 1, failed: 0 });
  assert.deepEqual(
    report.problems.map(({ name, outcome }) => ({ name, outcome })),
    [{ name: 'no/such/name', outcome: 'skipped' }],
  );
  const { digest } = await to.pull.references.getReference({ instanceName: 'b', key: keyOfTeam });
  assertDigest(digest, tree.root.digest);
  const unnamed = to.pull.references.getReference({ instanceName: '', key: keyOfTeam });
  assert.equal((await failure(unnamed)).status, 'NOT_FOUND');
});

void test('of a directory all names are copied, and no trace of it is left there', async (t) => {
  const [from, to] = [await copySite(t), await copySite(t)];
  const things = await pushThings(from.push);
  const { volume } = from.weir;
  const entries = await readdir(volume, { recursive: true, withFileTypes: true });
  const paths = entries
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => /\/(?:cas|weir\/(?:refs|ac|assets|objects))\//.test(path))
    .filter(
      (path) => !entries.some((entry) => entry.isDirectory() && join(entry.parentPath, entry.name) === path),
    );
  const before = await Promise.all(paths.map(traces));
  const report = await copied(t, 0, [volume, to.pushUrl]);
  assert.deepEqual(report.names, { copied: things.refs.length, present: 0, skipped: 0, failed: 0 });
  assert.deepEqual(await Promise.all(paths.map(traces)), before);
  await assertPullable(to.pull, things);
});

void test('of a directory only those names are copied that are asked for', async (t) => {
  const [from, to] = [await copySite(t), await copySite(t)];
  await pushThings(from.push);
  const args = [from.weir.volume, to.pushUrl];
  const like = await copied(t, 0, [
    ...args,
    '--ref',
    '*element/on?',
    '--ref',
    'urn:*:artifact:*',
    '--dry-run',
  ]);
  assert.equal(like.names.copied, 2);
  assert.equal((await copied(t, 0, [...args, '--kind', 'action', '--dry-run'])).names.copied, 2);
  assert.equal((await copied(t, 0, [...args, '--instance-from', 'team/a', '--dry-run'])).names.copied, 1);
  assert.equal((await copied(t, 0, [...args, key])).names.copied, 1);
});

void test('a dry run tells what would be sent, and neither sends nor makes anything', async (t) => {
  const [from, to] = [await copySite(t), await copySite(t)];
  const things = await pushThings(from.push);
  const dry = await copied(t, 0, [from.pullUrl, to.pushUrl, ...things.refs, '--dry-run']);
  assert.ok(dry.dryRun);
  const { status } = await failure(to.pull.references.getReference({ instanceName: '', key }));
  assert.equal(status, 'NOT_FOUND');
  const folder = join(await freshVolume(t), 'new');
  const toFolder = await copied(t, 0, [from.weir.volume, folder, '--dry-run']);
  assert.ok(!(await exists(folder)));
  const real = await copied(t, 0, [from.pullUrl, to.pushUrl, ...things.refs]);
  for (const each of [dry, toFolder]) {
    assert.deepEqual(each.names, real.names);
    assert.deepEqual({ ...each.blobs, bytes: each.sentBytes }, { ...real.blobs, bytes: real.sentBytes });
  }
});

void test('a directory can be copied to, from a server or another directory, and served then', async (t) => {
  const from = await copySite(t);
  const things = await pushThings(from.push);
  const [one, other] = [join(await freshVolume(t), 'one'), await freshVolume(t)];
  assert.equal((await copied(t, 0, [from.pullUrl, one, ...things.refs])).names.copied, things.refs.length);
  assert.equal((await copied(t, 0, [one, other])).names.copied, things.refs.length);
  assert.equal((await copied(t, 0, [one, other])).names.present, things.refs.length);
  for (const volume of [one, other]) {
    assert.equal((await fsck(volume)).code, 0);
    await withServerOn(volume, {}, (clients) => assertPullable(clients, things));
  }
});

void test('a directory is copied to beside a server that runs on it', async (t) => {
  const [from, to] = [await copySite(t), await copySite(t)];
  const things = await pushThings(from.push);
  assert.equal((await copied(t, 0, [from.weir.volume, to.weir.volume])).names.copied, things.refs.length);
  await assertPullable(to.pull, things);
});

void test('what is not whole at the source is skipped and told, and the rest is copied', async (t) => {
  const [from, to] = [await copySite(t, looksAlways), await copySite(t)];
  const things = await pushThings(from.push);
  const { volume } = from.weir;
  const [, , , lost] = things.tree.files;
  assert.ok(lost);
  await rm(blobFile(volume, lost));
  await rot['a bit flip']?.(blobFile(volume, things.artifact.large));
  for (const source of [[volume], [from.pullUrl]]) {
    const refs = source[0] === volume ? [] : things.refs;
    const report = await copied(t, 1, [...source, to.pushUrl, ...refs]);
    assert.deepEqual(report.problems.map(({ name, outcome }) => `${outcome} ${name}`).sort(), [
      `skipped ${key}`,
      `skipped team/a:${keyOfTeam}`,
      `skipped ${artifactUri}`,
    ]);
    assert.equal(report.names.copied + report.names.present, things.refs.length - 3);
    const text = report.problems.map(({ why }) => why).join('\n');
    if (source[0] === volume) assert.match(text, new RegExp(lost.digest.hash));
  }
  for (const [instanceName, name] of [
    ['', key],
    ['team/a', keyOfTeam],
  ] as const) {
    const { status } = await failure(to.pull.references.getReference({ instanceName, key: name }));
    assert.equal(status, 'NOT_FOUND');
  }
  assert.equal((await failure(fetchBlob(to.pull, [artifactUri]))).status, 'NOT_FOUND');
});

void test('an incomplete tree is found by a dry run too', async (t) => {
  const [from, to] = [await copySite(t), await copySite(t)];
  const things = await pushThings(from.push);
  const [, small] = things.tree.files;
  assert.ok(small);
  await rm(blobFile(from.weir.volume, small));
  const report = await copied(t, 1, [from.weir.volume, to.pushUrl, '--dry-run', '--kind', 'reference']);
  assert.equal(report.names.skipped, 2);
});

void test('people are told the same in words', async (t) => {
  const [from, to] = [await copySite(t), await copySite(t)];
  await pushThings(from.push);
  const { code, out, err } = await startCopy(t, [from.pullUrl, to.pushUrl, key, 'no/such/name']).ended;
  assert.deepEqual({ code, err }, { code: 1, err: '' });
  assert.match(out, /^1 name copied, 0 there already, 1 skipped, 0 failed$/m);
  assert.match(out, /^skipped: no\/such\/name: it is not at the source, or not whole there$/m);
});

void test('a command line that makes no sense changes nothing and ends with 2', async (t) => {
  const folder = await freshVolume(t);
  const home = join(folder, 'home');
  await mkdir(home);
  await writeFile(join(home, 'letter.txt'), 'to somebody');
  const cache = join(folder, 'cache');
  await mkdir(join(cache, 'cas', 'objects'), { recursive: true });
  const url = 'http://127.0.0.1:1';
  const wrong: [args: string[], says: RegExp][] = [
    [[], /missing required argument/],
    [[url, cache], /give them, or --names-from/],
    [[home, url], /is no cache/],
    [[cache, home], /not empty/],
    [[cache, cache], /the same/],
    [['ftp://127.0.0.1', cache, 'a/b/c'], /no address of a server/],
    [[cache, url, '../x'], /reference key/],
    [[cache, url, 'a/b/c', '--ref', 'a*'], /--ref/],
    [[cache, url, '--kind', 'value'], /Allowed choices/],
    [[cache, url, '--jobs', '0'], /whole number/],
    [[cache, url, '--client-key', join(home, 'letter.txt')], /needed together/],
    [[cache, url, '--server-cert', join(folder, 'none.crt')], /cannot be read/],
    [[cache, url, '--server-cert', join(home, 'letter.txt')], /no https address/],
    [[cache, join(folder, 'new'), '--token-file', join(home, 'letter.txt')], /for servers/],
  ];
  for (const [args, says] of wrong) {
    const { code, out, err } = await startCopy(t, args).ended;
    assert.deepEqual({ code, out }, { code: 2, out: '' }, `${args.join(' ')}: ${err}`);
    assert.match(err, says);
  }
  assert.deepEqual(await readdir(home), ['letter.txt']);
  assert.deepEqual((await readdir(folder)).sort(), ['cache', 'home']);
});

void test('blobs that several names share are sent once', async (t) => {
  const [from, to] = [await copySite(t), await copySite(t)];
  const blobs = Array.from({ length: 20 }, () => randomBlob(50_000));
  await putBatch(from.push, blobs);
  const shared = Object.fromEntries(blobs.map((blob, index) => [`file${index}`, blob]));
  let bytes = blobs.reduce((sum, { data }) => sum + data.length, 0);
  for (let index = 0; index < 12; index++) {
    const own = blobOf(`own ${index}`);
    const root = directoryBlob({ ...shared, own });
    await putBatch(from.push, [own, root]);
    bytes += own.data.length + root.data.length;
    await from.push.references.updateReference({
      instanceName: '',
      keys: [`project/shared/${index}`],
      digest: root.digest,
    });
  }
  const report = await copied(t, 0, [from.weir.volume, to.pushUrl, '--jobs', '12']);
  assert.deepEqual({ copied: report.names.copied, bytes: report.sentBytes }, { copied: 12, bytes });
});
