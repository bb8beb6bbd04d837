// Pins as files: made again, of another record, or no files at all; and what pinning does at once.
import assert from 'node:assert/strict';
import { copyFile, mkdir, readdir, rm, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { freshVolume, withServerOn } from '../support/on-volume.ts';
import { pushTree } from '../support/pushed-trees.ts';
import { blobFile } from '../support/volume-damage.ts';
import { jsonLines, weirOn } from '../support/weir-command.ts';

const longAgo = 1_000_000_000;

/** State and note of each pin, by its name. */
async function listed(volume: string): Promise<string[]> {
  const pins = jsonLines(await weirOn(volume, 'pin', '--list', '--json'));
  return pins.map(({ ref, state, note }) => [ref, state, note].map(String).join(' ').trim()).sort();
}

void test('a name that is pinned again keeps its note, and its pin also where that fails', async (t) => {
  const volume = await freshVolume(t);
  await withServerOn(volume, {}, async (clients) => {
    const { blobs } = await pushTree(clients, 'p/e/kept', [100]);
    assert.equal((await weirOn(volume, 'pin', 'p/e/kept', '--note', 'the release')).code, 0);
    assert.equal((await weirOn(volume, 'pin', 'p/e/kept')).code, 0);
    assert.deepEqual(await listed(volume), ['p/e/kept whole the release']);

    const [lost] = blobs;
    assert.ok(lost);
    await rm(blobFile(volume, lost));
    assert.equal((await weirOn(volume, 'pin', 'p/e/kept', '--note', 'another')).code, 1);
    assert.deepEqual(await listed(volume), ['p/e/kept incomplete the release']);
  });
});

void test('pins can be read by servers of another user; one in the place of another, or a folder, is none', async (t) => {
  const volume = await freshVolume(t);
  const pins = join(volume, 'weir', 'pins');
  await withServerOn(volume, {}, async (clients) => {
    await pushTree(clients, 'p/e/kept', [100]);
    assert.equal((await weirOn(volume, 'pin', 'p/e/kept')).code, 0);
    const [name = ''] = await readdir(pins);
    assert.equal((await stat(join(pins, name))).mode & 0o777, 0o644 & ~process.umask());
    await copyFile(
      join(pins, name),
      join(
        pins,
        name.replace(/^./, (digit) => (digit === '0' ? '1' : '0')),
      ),
    );
    await mkdir(join(pins, 'folder'));
    const states = (await listed(volume)).map((line) => line.split(' ')[1] ?? '');
    assert.deepEqual(states.sort(), ['unreadable', 'unreadable', 'whole']);
  });
});

void test('what is pinned is used by that, however short a while ago somebody else has used it', async (t) => {
  const volume = await freshVolume(t);
  await withServerOn(volume, {}, async (clients) => {
    const { blobs } = await pushTree(clients, 'p/e/kept', [100]);
    for (const blob of blobs) await utimes(blobFile(volume, blob), longAgo, longAgo);
    assert.equal((await weirOn(volume, 'pin', 'p/e/kept')).code, 0);
    for (const blob of blobs) assert.notEqual((await stat(blobFile(volume, blob))).mtimeMs, longAgo * 1000);
  });
});
