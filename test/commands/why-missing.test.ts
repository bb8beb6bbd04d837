import assert from 'node:assert/strict';
import { mkdir, readdir, readlink, rename, rm, truncate, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { printed, printedJson, printedLines, startCommand, weirCommand } from '../support/command.ts';
import { eventually } from '../support/eventually.ts';
import { artifactUrn, knownVolume } from '../support/known-volume.ts';
import { freshVolume } from '../support/on-volume.ts';
import { blobFile, quarantinedFile, rot } from '../support/volume-damage.ts';
import type { Blob } from '../support/wire.ts';

interface Told {
  readonly state: string;
  readonly isSound?: boolean;
  readonly quarantinedAt?: string;
  readonly records: { kind: string; ref?: string; path: string }[];
}

const text = ({ digest }: Blob) => `${digest.hash}/${digest.sizeBytes}`;

void test('of a blob that is here it tells so, and which records lead to it by which path', async (t) => {
  const { volume, one, three, four } = await knownVolume(t);
  const why = async (code: number, digest: string) =>
    await printedJson<Told>(code, 'why-missing', digest, '--volume', volume);
  const led = ({ records }: Told) => records.map(({ kind, ref, path }) => [kind, ref, path]);
  const shared = await why(0, text(three.shared));
  assert.deepEqual([shared.state, shared.isSound], ['present', true]);
  assert.deepEqual(led(shared), [
    ['reference', 'alpha/app/one', 'middle/shared'],
    ['reference', 'alpha/app/two', 'same/middle/shared'],
    ['reference', 'team/a:beta/lib/three', 'shared'],
  ]);
  const [leaf] = one.directories;
  assert.ok(leaf);
  assert.deepEqual(
    led(await why(0, leaf.digest.hash)).map(([, ref]) => ref),
    ['alpha/app/one', 'alpha/app/two'],
  );
  const ofAssets = await why(0, text(four.file));
  const places = ofAssets.records.map(({ ref, path }) => `${ref} ${path}`);
  assert.deepEqual(places.sort(), [
    `${artifactUrn} references_directories/0/file`,
    'urn:of:a:directory directory/file',
  ]);
});

void test('of a blob that is in a Tree message, or is a chunk, it names the record too', async (t) => {
  const { volume, action, cut } = await knownVolume(t);
  const inTree = action.blobs.get('a file in a folder of the Tree message');
  assert.ok(inTree);
  const { records } = await printedJson<Told>(0, 'why-missing', `blake3:${text(inTree)}`, '--volume', volume);
  assert.deepEqual(
    records.map(({ kind, path }) => [kind, path]),
    [['action', 'out/tree/child/file']],
  );
  const ofCut = await printedJson<Told>(0, 'why-missing', text(cut), '--volume', volume);
  assert.deepEqual(
    ofCut.records.map(({ kind }) => kind),
    ['chunking'],
  );
});

void test('of a blob that is gone it tells that nobody knows why, and who misses it', async (t) => {
  const { volume, two, loose } = await knownVolume(t);
  await rm(blobFile(volume, two.more));
  const gone = await printed(1, 'why-missing', text(two.more), '--volume', volume);
  assert.match(gone, /Nothing on the volume tells whether it ever was/);
  assert.match(gone, /reference alpha\/app\/two, at more \(9000 bytes\)/);
  await rm(blobFile(volume, loose));
  // Nothing leads to this one: that has a code of its own.
  const unknown = await printed(4, 'why-missing', text(loose), '--volume', volume);
  assert.match(unknown, /None of the \d+ records on the volume leads to it/);
  const unsearched = await printed(1, 'why-missing', text(loose), '--no-records', '--volume', volume);
  assert.doesNotMatch(unsearched, /records on the volume/);
});

void test('it tells apart what is damaged, of another size, set aside, and on its way out', async (t) => {
  const { volume, two, three, four, loose } = await knownVolume(t);
  const why = async (code: number, { digest }: Blob) =>
    await printedJson<Told>(
      code,
      'why-missing',
      `${digest.hash}/${digest.sizeBytes}`,
      '--no-records',
      '--volume',
      volume,
    );
  await rot['a bit flip']?.(blobFile(volume, two.more));
  assert.equal((await why(1, two.more)).state, 'damaged');
  await truncate(blobFile(volume, three.own), 10);
  const cutShort = await why(1, three.own);
  assert.deepEqual([cutShort.state, cutShort.isSound], ['wrong-size', false]);
  const wrongSize = { ...loose, digest: { ...loose.digest, sizeBytes: 7001n } };
  const lied = await why(1, wrongSize);
  assert.deepEqual([lied.state, lied.isSound], ['wrong-size', true]);
  await rename(blobFile(volume, four.file), quarantinedFile(volume, four.file));
  const aside = await why(1, four.file);
  assert.equal(aside.state, 'quarantined');
  assert.ok(Date.parse(aside.quarantinedAt ?? '') > Date.parse('2026-01-01'));
  const trash = join(volume, 'weir', 'trash', 'some-run');
  await mkdir(trash);
  await rename(blobFile(volume, loose), join(trash, loose.digest.hash));
  assert.equal((await why(0, loose)).state, 'trash');
  assert.match(
    await printed(1, 'why-missing', text(four.file), '--no-records', '--volume', volume),
    /was set aside at 20/,
  );
});

void test('of a reference it names each blob that is missing with its place, and ends well when none is', async (t) => {
  const { volume, one, two } = await knownVolume(t);
  const whole = await printed(0, 'why-missing', 'alpha/app/two', '--volume', volume);
  assert.match(whole, new RegExp(`Whole: all ${one.blobs.length + 2} blobs`));
  const [, , , large] = one.files;
  assert.ok(large);
  await rm(blobFile(volume, large));
  await rename(blobFile(volume, two.more), quarantinedFile(volume, two.more));
  const missing = await printedLines<{ digest: string; state: string; path: string }>(
    1,
    'why-missing',
    'alpha/app/two',
    '--volume',
    volume,
  );
  const told = missing.map(({ digest, state, path }) => `${path} ${state} ${digest}`);
  assert.deepEqual(told.sort(), [`more quarantined ${text(two.more)}`, `same/large missing ${text(large)}`]);
  const none = await weirCommand('why-missing', 'alpha/app/tow', '--volume', volume);
  assert.equal(none.code, 4);
  assert.match(none.err, /Did you mean/);
});

void test('it can be stopped while it reads a blob', async (t) => {
  const volume = await freshVolume(t);
  const hash = 'a'.repeat(64);
  const endless = join(volume, 'cas', 'objects', 'aa', hash.slice(2));
  await mkdir(dirname(endless), { recursive: true });
  await writeFile(endless, 'x');
  // All of it a hole, which takes no room; reading it takes minutes.
  await truncate(endless, 500_000_000_000);
  const { child, ended } = startCommand(['why-missing', hash, '--volume', volume]);
  t.after(() => child.kill('SIGKILL'));
  await eventually(() => hasOpen(child.pid, endless));
  child.kill('SIGTERM');
  const { code, err } = await ended;
  assert.equal(code, 143);
  assert.match(err, /stopped before the end/);
});

async function hasOpen(pid: number | undefined, path: string): Promise<boolean> {
  const folder = `/proc/${pid}/fd`;
  const names = await readdir(folder).catch(() => []);
  const links = await Promise.all(names.map((name) => readlink(join(folder, name)).catch(() => '')));
  return links.includes(path);
}
