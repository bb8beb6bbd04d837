import assert from 'node:assert/strict';
import { mkdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { printed, printedJson, printedLines, startCommand, weirCommand } from '../support/command.ts';
import { artifactUrn, knownVolume } from '../support/known-volume.ts';
import { freshVolume } from '../support/on-volume.ts';
import { blobFile } from '../support/volume-damage.ts';

interface Line {
  readonly ref: string;
  readonly kind: string;
  readonly instanceName: string;
  readonly usedAt: string;
  readonly state?: string;
  readonly blobs?: number;
  readonly bytes?: number;
  readonly missing?: number;
}

const lines = (out: string) => out.split('\n').filter((line) => line !== '');
const sizeOf = (blobs: readonly { data: Uint8Array }[]) =>
  blobs.reduce((sum, { data }) => sum + data.length, 0);

void test('ls lists the references of all instances by name, or those that begin so, or of one instance', async (t) => {
  const { volume } = await knownVolume(t);
  const ls = async (...args: string[]) => lines(await printed(0, 'ls', '--volume', volume, ...args));
  const [one, two, three] = ['alpha/app/one', 'alpha/app/two', 'team/a:beta/lib/three'];
  assert.deepEqual(await ls(), [one, two, three]);
  assert.deepEqual(await ls('alpha/app/t'), [two]);
  assert.deepEqual(await ls('alpha/'), [one, two]);
  assert.deepEqual(await ls('alph'), [one, two]);
  assert.deepEqual(await ls('app'), []);
  assert.deepEqual(await ls('team/a:beta'), [three]);
  assert.deepEqual(await ls('team/a:alpha'), []);
  assert.deepEqual(await ls('beta', '--instance', 'team/a'), [three]);
  assert.deepEqual(await ls('--instance', ''), [one, two]);
  assert.deepEqual(await ls('--instance', 'team'), []);
  assert.deepEqual(await ls('--count'), ['3']);
  assert.deepEqual(await printedJson(0, 'ls', '--volume', volume, '--count', 'alpha/'), { count: 2 });
});

void test('ls takes the volume from VOLUME, as serve does', async (t) => {
  const { volume } = await knownVolume(t);
  const { code, out } = await startCommand(['ls', '--count'], { VOLUME: volume }).ended;
  assert.deepEqual({ code, out }, { code: 0, out: '3\n' });
});

void test('ls lists assets, results of actions and values, and show takes what ls prints', async (t) => {
  const { volume, action } = await knownVolume(t);
  const all = await printedLines<Line>(0, 'ls', '--volume', volume, '--kind', 'all');
  const named = all.map(({ kind, ref }) => [kind, ref]);
  assert.deepEqual(named.slice(0, 4), [
    ['reference', 'alpha/app/one'],
    ['reference', 'alpha/app/two'],
    ['reference', 'team/a:beta/lib/three'],
    ['action', `blake3:${action.actionDigest.hash}`],
  ]);
  const assetRefs = named.slice(4, 6).map(([kind, ref]) => `${kind} ${ref}`);
  assert.deepEqual(assetRefs.sort(), [`asset ${artifactUrn}`, 'asset urn:of:a:directory']);
  assert.deepEqual(
    named.slice(6).map(([kind]) => kind),
    ['value'],
  );
  for (const { kind, ref } of all) {
    const { state } = await printedJson<{ state: string }>(
      0,
      'show',
      ref,
      '--kind',
      kind,
      '--volume',
      volume,
    );
    assert.equal(state, 'whole', ref);
  }
  const assets = await printedLines<Line>(0, 'ls', 'urn:fdc:', '--volume', volume, '--kind', 'asset');
  assert.deepEqual(
    assets.map(({ ref }) => ref),
    [artifactUrn],
  );
  assert.equal(await printed(0, 'ls', '--count', '--kind', 'value', '--volume', volume), '1\n');
});

void test('ls --long says how much each leads to, and how much of it is missing', async (t) => {
  const { volume, one, two, three } = await knownVolume(t);
  const long = async () => await printedLines<Line>(0, 'ls', '--long', '--volume', volume);
  const ofTwo = [...one.blobs, two.root, two.more];
  const ofThree = [three.root, three.own, three.shared];
  const figures = (line: Line) => [line.state, line.blobs, line.bytes, line.missing];
  assert.deepEqual((await long()).map(figures), [
    ['whole', one.blobs.length, sizeOf(one.blobs), 0],
    ['whole', ofTwo.length, sizeOf(ofTwo), 0],
    ['whole', ofThree.length, sizeOf(ofThree), 0],
  ]);
  await rm(blobFile(volume, two.more));
  const [, second] = await long();
  assert.deepEqual(second && figures(second), [
    'incomplete',
    ofTwo.length - 1,
    sizeOf(ofTwo) - two.more.data.length,
    1,
  ]);
  assert.match(await printed(0, 'ls', '-l', '--volume', volume), /73\.9 kB +8 .* 1 missing +alpha\/app\/two/);
});

void test('ls tells when each was last used, and sorts by that', async (t) => {
  const { volume } = await knownVolume(t);
  const used = new Date('2026-01-02T03:04:05.000Z');
  await utimes(join(volume, 'cas', 'refs', 'heads', 'alpha', 'app', 'two'), used, used);
  const [first] = await printedLines<Line>(0, 'ls', '--sort', 'age', '--volume', volume);
  assert.deepEqual([first?.ref, first?.usedAt], ['alpha/app/two', used.toISOString()]);
});

void test('ls lists a folder of more names than it holds at once, each once and in order', async (t) => {
  const volume = await freshVolume(t);
  const { volume: known } = await knownVolume(t);
  await mkdir(join(volume, 'cas', 'objects'), { recursive: true });
  const folder = join(volume, 'cas', 'refs', 'heads', 'many', 'names');
  await mkdir(folder, { recursive: true });
  const record = await readFile(join(known, 'cas', 'refs', 'heads', 'alpha', 'app', 'one'));
  const names = Array.from({ length: 12_345 }, (_, index) => `many/names/${index}`);
  for (const name of names) await writeFile(join(volume, 'cas', 'refs', 'heads', name), record);
  assert.deepEqual(lines(await printed(0, 'ls', '--volume', volume)), names.sort());
});

void test('ls passes over what is no record, and says that it is there', async (t) => {
  const { volume } = await knownVolume(t);
  await writeFile(join(volume, 'cas', 'refs', 'heads', 'not\\a\\key'), 'x');
  const { code, out, err } = await weirCommand('ls', '--volume', volume);
  assert.deepEqual([code, lines(out).length], [0, 3]);
  assert.match(err, /1 file among them cannot be read/);
});

void test('a directory that is no cache, and a line that makes no sense, are usage errors', async (t) => {
  const folder = await freshVolume(t);
  const noCache = await weirCommand('ls', '--volume', folder);
  assert.deepEqual([noCache.code, noCache.out], [2, '']);
  assert.match(noCache.err, /is no cache/);
  for (const args of [['--kind', 'blob'], ['--instance', 'a//b'], ['--frobnicate'], ['a', 'b']]) {
    const { code, err } = await weirCommand('ls', '--volume', folder, ...args);
    assert.equal(code, 2, args.join(' '));
    assert.match(err, /error:/);
  }
});
