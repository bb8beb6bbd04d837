import assert from 'node:assert/strict';
import { mkdir, readdir, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { outputFile, resultOf } from '../support/actions.ts';
import { pushBlob } from '../support/assets.ts';
import { eventually } from '../support/eventually.ts';
import { fsck } from '../support/fsck.ts';
import { freshVolume, withServerOn } from '../support/on-volume.ts';
import { fillUntil, hereOf, type PushedTree, pushTree } from '../support/pushed-trees.ts';
import { scraped } from '../support/scraped.ts';
import { blobFile, exists } from '../support/volume-damage.ts';
import { startWeir, type Weir } from '../support/weir.ts';
import { startCommand } from '../support/command.ts';
import { directoryBlob } from '../support/trees.ts';
import { Digest } from '../../src/gen/build/bazel/remote/execution/v2/remote_execution.ts';
import { jsonLines, weirOn } from '../support/weir-command.ts';
import {
  blobOf,
  type Clients,
  clientsAt,
  downloadName,
  failure,
  putBatch,
  randomBlob,
  read,
  uploadName,
  write,
} from '../support/wire.ts';

const mebibyte = 1024 * 1024;
/** Nothing is promised for longer than it takes to say so, and there is room for twenty blobs of 1 MiB. */
const smallAndShort = { LEASE_SECONDS: '0', QUOTA: String(20 * mebibyte) };
const longAgo = 1_000_000_000;

async function pin(volume: string, ...args: string[]): Promise<void> {
  const { code, out, err } = await weirOn(volume, 'pin', ...args);
  assert.deepEqual({ code, err }, { code: 0, err: '' });
  assert.match(out, /^pinned /);
}

async function makeOld(volume: string, { key, blobs }: PushedTree): Promise<void> {
  for (const blob of blobs) await utimes(blobFile(volume, blob), longAgo, longAgo);
  await utimes(referenceFile(volume, key), longAgo, longAgo);
}

function referenceFile(volume: string, key: string): string {
  return join(volume, 'cas', 'refs', 'heads', key);
}

async function assertWhole(clients: Clients, volume: string, tree: PushedTree): Promise<void> {
  assert.equal(await hereOf(volume, tree), tree.blobs.length);
  const { digest } = await clients.references.getReference({ instanceName: '', key: tree.key });
  assert.equal(digest?.hash, tree.root.digest.hash);
  for (const blob of tree.blobs)
    assert.ok((await read(clients, downloadName(blob))).equals(Buffer.from(blob.data)));
}

/** The servers have removed everything of a tree, and made room several times since. */
async function overfillPast(clients: Clients, weir: Weir, volume: string, tree: PushedTree): Promise<void> {
  await fillUntil(clients, async () => (await hereOf(volume, tree)) === 0);
  const passes = await scraped(weir.opsUrl, 'weir_evicted_blobs_total');
  await fillUntil(clients, async () => (await scraped(weir.opsUrl, 'weir_evicted_blobs_total')) > passes + 8);
}

void test('what a pinned reference reaches outlasts everything else, until it is unpinned', async (t) => {
  const volume = await freshVolume(t);
  await withServerOn(volume, smallAndShort, async (clients, weir) => {
    const [kept, other] = [await pushTree(clients, 'p/e/kept'), await pushTree(clients, 'p/e/other')];
    await pin(volume, 'p/e/kept', '--note', 'the release');
    await makeOld(volume, kept);
    await overfillPast(clients, weir, volume, other);
    await assertWhole(clients, volume, kept);
    await eventually(async () => !(await exists(referenceFile(volume, 'p/e/other'))));

    const { code, out } = await weirOn(volume, 'unpin', 'p/e/kept');
    assert.deepEqual({ code, out }, { code: 0, out: 'unpinned p/e/kept\n' });
    await overfillPast(clients, weir, volume, kept);
    assert.equal((await weirOn(volume, 'unpin', 'p/e/kept')).code, 4, 'it is not pinned any more');
  });
});

void test('a pin outlasts the server, and is kept by each of several, whichever of them is killed', async (t) => {
  const volume = await freshVolume(t);
  const first = await startWeir({ volume, env: smallAndShort });
  const clients = clientsAt(first.pushAddress);
  const kept = await pushTree(clients, 'p/e/kept');
  await pin(volume, 'p/e/kept');
  clients.close();
  await first.kill();
  await makeOld(volume, kept);

  const servers = [
    await startWeir({ volume, env: smallAndShort }),
    await startWeir({ volume, env: smallAndShort }),
  ];
  const [holder, waiting] = servers as [Weir, Weir];
  const [toHolder, toWaiting] = servers.map(({ pushAddress }) => clientsAt(pushAddress)) as [
    Clients,
    Clients,
  ];
  t.after(async () => {
    for (const each of [toHolder, toWaiting]) each.close();
    for (const server of [first, ...servers]) await server.stop();
  });
  const other = await pushTree(toWaiting, 'p/e/other');
  await overfillPast(toHolder, holder, volume, other);
  await assertWhole(toWaiting, volume, kept);
  const another = await pushTree(toWaiting, 'p/e/another');
  await holder.kill();
  await makeOld(volume, kept);
  await overfillPast(toWaiting, waiting, volume, another);
  await assertWhole(toWaiting, volume, kept);
});

void test('a pin follows its name: what it was pushed for before goes, what it is pushed for now stays', async (t) => {
  const volume = await freshVolume(t);
  await withServerOn(volume, smallAndShort, async (clients, weir) => {
    const before = await pushTree(clients, 'p/e/moving');
    await pin(volume, 'p/e/moving');
    const now = await pushTree(clients, 'p/e/moving');
    await makeOld(volume, now);
    await overfillPast(clients, weir, volume, before);
    await assertWhole(clients, volume, now);
  });
});

void test('uploads that what is pinned leaves no room for are refused, and told so', async (t) => {
  const volume = await freshVolume(t);
  await withServerOn(volume, smallAndShort, async (clients) => {
    const kept = await pushTree(clients, 'p/e/large', Array<number>(8).fill(2 * mebibyte));
    await pin(volume, 'p/e/large');
    const large = randomBlob(6 * mebibyte);
    let message = '';
    await eventually(async () => {
      const refusal = await failure(write(clients, uploadName(large), large.data));
      message = refusal.message;
      assert.equal(refusal.status, 'RESOURCE_EXHAUSTED');
      return message.includes('pinned');
    });
    assert.match(message, /and 1 pinned name keeps 1677\d{4} bytes of it \(weir pin --list\)/);
    await assertWhole(clients, volume, kept);
  });
});

void test('what is not whole is not pinned unless it has to be; then it is reported, and its record stays', async (t) => {
  const volume = await freshVolume(t);
  await withServerOn(volume, { LEASE_SECONDS: '0' }, async (clients, weir) => {
    const lacking = await pushTree(clients, 'p/e/lacking', [100, 200]);
    const [lost] = lacking.blobs;
    assert.ok(lost);
    await rm(blobFile(volume, lost));
    const refused = await weirOn(volume, 'pin', 'p/e/lacking');
    assert.equal(refused.code, 1);
    assert.match(
      refused.err,
      /is not whole, and was not pinned \(--force does that\): 1 blob missing, 3 blobs/,
    );
    assert.ok(refused.err.includes(`missing: ${lost.digest.hash}/${lost.digest.sizeBytes}`));
    assert.deepEqual(await readdir(join(volume, 'weir', 'pins')), []);

    const forced = await weirOn(volume, 'pin', 'p/e/lacking', '--force', '--json');
    assert.equal(forced.code, 0);
    const [said] = jsonLines(forced);
    assert.deepEqual([said?.['pinned'], said?.['state'], said?.['missing']], [true, 'incomplete', 1]);
    const pins = async (state: string) => await scraped(weir.opsUrl, `weir_pins{state="${state}"}`);
    await eventually(async () => (await pins('incomplete')) === 1);
    await eventually(() => weir.output().includes('some of what is pinned is not whole'));

    // Two others that lack something go in turn; by then the pinned one would have gone too.
    for (const key of ['p/e/one', 'p/e/two']) {
      const [file] = (await pushTree(clients, key, [300])).blobs;
      assert.ok(file);
      await rm(blobFile(volume, file));
      await eventually(async () => !(await exists(referenceFile(volume, key))));
    }
    assert.ok(await exists(referenceFile(volume, 'p/e/lacking')));
    await putBatch(clients, [lost]);
    await eventually(async () => (await pins('whole')) === 1 && (await pins('incomplete')) === 0);
    assert.ok((await scraped(weir.opsUrl, 'weir_pinned_bytes')) >= 300);
  });
});

void test('a name can be pinned before it is pushed', async (t) => {
  const volume = await freshVolume(t);
  await withServerOn(volume, smallAndShort, async (clients, weir) => {
    assert.equal((await weirOn(volume, 'pin', 'p/e/later')).code, 4);
    await pin(volume, 'p/e/later', '--force');
    const [listed] = jsonLines(await weirOn(volume, 'pins', '--json'));
    assert.deepEqual([listed?.['ref'], listed?.['state']], ['p/e/later', 'absent']);
    const later = await pushTree(clients, 'p/e/later');
    await makeOld(volume, later);
    await overfillPast(clients, weir, volume, await pushTree(clients, 'p/e/other'));
    await assertWhole(clients, volume, later);
  });
});

void test('references of instances, results of actions, assets and values are kept alike', async (t) => {
  const volume = await freshVolume(t);
  const server = await startWeir({ volume, tcp: true, http: true, env: { LEASE_SECONDS: '0' } });
  const clients = clientsAt(server.pushAddress);
  t.after(async () => {
    clients.close();
    await server.stop();
  });
  const { blobs } = await pushTree(clients, 'p/e/named', [100], 'team/a');
  const [action, output, asset, value, unpinned] = [100, 101, 102, 103, 104].map((size) => randomBlob(size));
  assert.ok(action && output && asset && value && unpinned);
  await putBatch(clients, [output, asset, unpinned]);
  await clients.actions.updateActionResult({
    instanceName: '',
    actionDigest: action.digest,
    actionResult: resultOf({ outputFiles: [outputFile('out', output)] }),
    resultsCachePolicy: undefined,
    digestFunction: 0,
  });
  await pushBlob(clients, ['https://example.com/asset'], asset.digest);
  await fetch(`${server.pushUrl}/ac/some-key`, { method: 'PUT', body: Buffer.from(value.data) });

  await pin(volume, 'team/a:p/e/named');
  await pin(volume, action.digest.hash);
  await pin(volume, 'https://example.com/asset');
  await pin(volume, 'some-key', '--kind', 'value', '--note', 'a value');
  const listed = jsonLines(await weirOn(volume, 'pin', '--list', '--json'));
  assert.deepEqual(
    listed.map(({ state }) => state),
    ['whole', 'whole', 'whole', 'whole'],
  );
  assert.deepEqual(listed.map(({ note }) => String(note)).sort(), ['', '', '', 'a value']);
  const refs = listed.map(({ ref }) => String(ref));
  for (const ref of ['team/a:p/e/named', action.digest.hash, 'https://example.com/asset'])
    assert.ok(refs.includes(ref), `${ref} is in the list`);

  const paths = [...blobs, output, asset, value].map((blob) => blobFile(volume, blob));
  const records = join(volume, 'weir', 'refs', encodeURIComponent('team/a'), 'p', 'e', 'named');
  for (const path of [...paths, records, blobFile(volume, unpinned)]) await utimes(path, longAgo, longAgo);
  const isOld = async (path: string) => (await stat(path)).mtimeMs === longAgo * 1000;
  for (const path of [...paths, records]) await eventually(async () => !(await isOld(path)));
  assert.ok(await isOld(blobFile(volume, unpinned)), 'what is not pinned is not touched');
  for (const ref of refs) {
    const kind =
      ref === refs.find((_, index) => listed[index]?.['note'] === 'a value') ? ['--kind', 'value'] : [];
    assert.equal((await weirOn(volume, 'unpin', ref, ...kind)).code, 0);
  }
  assert.deepEqual(await readdir(join(volume, 'weir', 'pins')), []);
});

void test('what is on its way out is brought back before it is called pinned', async (t) => {
  const volume = await freshVolume(t);
  // No server looks after the trash, which is what one does with a long lease and nobody who asks.
  const tree = await withServerOn(volume, {}, (clients) => pushTree(clients, 'p/e/leaving', [100, 200]));
  const run = join(volume, 'weir', 'trash', 'a-run');
  for (const { digest } of tree.blobs) {
    await mkdir(run, { recursive: true });
    await rename(blobFile(volume, { digest, data: Buffer.alloc(0) }), join(run, digest.hash));
  }
  const record = join(run, 'records', 'cas', 'refs', 'heads', 'p', 'e', 'leaving');
  await mkdir(dirname(record), { recursive: true });
  await rename(referenceFile(volume, 'p/e/leaving'), record);
  assert.equal((await weirOn(volume, 'pin', 'p/e/leaving')).code, 4, 'ls does not find it either');
  await pin(volume, 'p/e/leaving', '--force');
  assert.equal(await hereOf(volume, tree), tree.blobs.length);
  assert.ok(await exists(referenceFile(volume, 'p/e/leaving')));
});

void test('fsck names pins that cannot be read or keep nothing; a listing leaves no trace', async (t) => {
  const volume = await freshVolume(t);
  await withServerOn(volume, {}, async (clients) => {
    await pushTree(clients, 'p/e/whole', [100]);
    await pin(volume, 'p/e/whole');
    assert.equal((await fsck(volume)).code, 0);
    await pin(volume, 'p/e/never', '--force');
    const pins = join(volume, 'weir', 'pins');
    await writeFile(join(pins, 'damaged'), '{');
    const { code, report } = await fsck(volume);
    assert.equal(code, 1);
    assert.deepEqual(
      report.found.unreadable.first.map(({ path }) => path),
      ['weir/pins/damaged'],
    );
    assert.match(report.found.incomplete.first[0]?.detail ?? '', /cas\/refs\/heads\/p\/e\/never is not here/);
    const states = jsonLines(await weirOn(volume, 'pin', '--list', '--json')).map(({ state }) =>
      String(state),
    );
    assert.deepEqual(states.sort(), ['absent', 'unreadable', 'whole']);
    assert.equal((await fsck(volume, '--repair')).code, 1, 'the absent one stays');
    assert.equal((await readdir(pins)).length, 2);
  });
});

void test('a command that is stopped has pinned nothing', async (t) => {
  const volume = await freshVolume(t);
  const key = 'p/e/wide';
  await withServerOn(volume, {}, async (clients) => {
    const files = Array.from({ length: 15_000 }, (_, index) => [`${index}`, randomBlob(1)] as const);
    const wide = directoryBlob(Object.fromEntries(files));
    await putBatch(clients, [wide]);
    await mkdir(dirname(referenceFile(volume, key)), { recursive: true });
    await writeFile(referenceFile(volume, key), Digest.encode(wide.digest).finish());
  });
  const { child, ended } = startCommand(['pin', key], { VOLUME: volume });
  const pins = join(volume, 'weir', 'pins');
  await eventually(async () => (await readdir(pins)).length > 0 || child.exitCode !== null);
  child.kill('SIGINT');
  const { code, out } = await ended;
  // It may have found out before that most of it is missing.
  assert.ok(code === 130 || code === 1, `ended with ${code}`);
  assert.equal(out, '');
  assert.deepEqual(await readdir(pins), []);
});

void test('a pin of something that is no name, and a note without end, are usage errors', async (t) => {
  const volume = await freshVolume(t);
  await withServerOn(volume, {}, async (clients) => {
    await putBatch(clients, [blobOf('something')]);
    assert.equal((await weirOn(volume, 'pin', '../escape')).code, 2);
    assert.equal((await weirOn(volume, 'pin', 'p/e/k', '--note', 'n'.repeat(2000))).code, 2);
    assert.equal((await weirOn(volume, 'pin', 'p/e/k', '--list')).code, 2);
    assert.equal((await weirOn(join(volume, 'tmp'), 'pin', 'p/e/k')).code, 2);
  });
});
