// Pins as files: made again, of another record, or no files at all; and what pinning does at once.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { copyFile, mkdir, readdir, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { eventually } from '../support/eventually.ts';
import { freshVolume, withServerOn } from '../support/on-volume.ts';
import { pushTree } from '../support/pushed-trees.ts';
import { scraped } from '../support/scraped.ts';
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
    // By its name it is the pin of what it names; but that is no record.
    const record = 'weir/version';
    const file = createHash('sha256').update(record).digest('hex').slice(0, 32);
    const ofNone = { record, name: 'version', pinnedAt: new Date().toISOString(), note: '' };
    await writeFile(join(pins, file), JSON.stringify(ofNone));
    const states = (await listed(volume)).map((line) => line.split(' ')[1] ?? '');
    assert.deepEqual(states.sort(), ['unreadable', 'unreadable', 'unreadable', 'whole']);
  });
});

void test('a pin that cannot be kept keeps nobody from keeping the others', async (t) => {
  const volume = await freshVolume(t);
  await withServerOn(volume, { LEASE_SECONDS: '3' }, async (clients, { opsUrl }) => {
    const areKept = async (whole: number) => (await scraped(opsUrl, 'weir_pins{state="whole"}')) === whole;
    const names = Array.from({ length: 7 }, (_, index) => `p/e/${index}`);
    for (const name of names) {
      await pushTree(clients, name, [100]);
      assert.equal((await weirOn(volume, 'pin', name)).code, 0);
    }
    assert.equal((await weirOn(volume, 'pin', 'loop/x', '--force')).code, 0);
    // Whoever looks for it now gets an error of the file system.
    await symlink('loop', join(volume, 'cas', 'refs', 'heads', 'loop'));
    await eventually(() => areKept(7));
    await pushTree(clients, 'p/e/7', [100]);
    assert.equal((await weirOn(volume, 'pin', 'p/e/7')).code, 0);
    await eventually(() => areKept(8));
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
