// weir cp: names and all that they lead to, from anywhere to anywhere.
import assert from 'node:assert/strict';
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { fetchBlob } from '../support/assets.ts';
import { artifactUri, assertDigest, assertPullable, key, keyOfTeam } from '../support/copied-things.ts';
import { copied, copySite, sharedSource, startCopy } from '../support/cp.ts';
import { freshVolume } from '../support/on-volume.ts';
import { looksAlways } from '../support/served.ts';
import { directoryBlob } from '../support/trees.ts';
import { blobFile } from '../support/volume-damage.ts';
import { blobOf, failure, putBatch, randomBlob } from '../support/wire.ts';

const source = sharedSource();

void test('between servers, each kind of name goes with all that it leads to, and again costs nothing', async (t) => {
  const { things, ...from } = await source();
  const to = await copySite(t, looksAlways);
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

void test('the metrics of both servers tell a copy from what builds ask for', async (t) => {
  const { things, ...from } = await source();
  const to = await copySite(t);
  await copied(t, 0, [from.pullUrl, to.pushUrl, ...things.refs]);
  for (const { opsUrl } of [from.weir, to.weir]) {
    const metrics = await (await fetch(`${opsUrl}/metrics`)).text();
    const looked = [...metrics.matchAll(/^weir_lookups_total\{.*tool="weir".*\} (\d+)$/gm)];
    assert.ok(looked.some(([, count]) => Number(count) > 0));
  }
  const text = await (await fetch(`${to.weir.opsUrl}/metrics`)).text();
  const others = [...text.matchAll(/^weir_lookups_total\{.*tool="(?!weir)\w+".*\} [1-9]\d*$/gm)];
  assert.deepEqual(others, []);
});

void test('names come from a list too, and go to another instance', async (t) => {
  const { things, ...from } = await source();
  const to = await copySite(t);
  const list = `# two of them\n\n${keyOfTeam}\nno/such/name\n`;
  const args = [from.pullUrl, to.pushUrl, '--instance-from', 'team/a', '--instance-to', 'b'];
  const report = await copied(t, 1, [...args, '--names-from', '-'], list);
  assert.deepEqual(report.names, { copied: 1, present: 0, skipped: 1, failed: 0 });
  assert.deepEqual(
    report.problems.map(({ name, outcome }) => ({ name, outcome })),
    [{ name: 'no/such/name', outcome: 'skipped' }],
  );
  const { digest } = await to.pull.references.getReference({ instanceName: 'b', key: keyOfTeam });
  assertDigest(digest, things.tree.root.digest);
  const unnamed = to.pull.references.getReference({ instanceName: '', key: keyOfTeam });
  assert.equal((await failure(unnamed)).status, 'NOT_FOUND');
});

void test('people are told the same in words', async (t) => {
  const from = await source();
  const to = await copySite(t);
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
