// A disk that is too small: for one artifact, and for all of them.
import { join } from 'node:path';
import { readdir } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';

import { bstClient } from '../support/bst.ts';
import { assertOutcome, says } from '../support/bst-outcome.ts';
import { bstProject, pseudoRandomBytes } from '../support/bst-project.ts';
import { startSite, temporaryFolder } from '../support/bst-site.ts';
import { eventually } from '../support/eventually.ts';
import { testWith } from '../support/real-parts.ts';
import { noSmallVolume, smallVolume } from '../support/small-volume.ts';

const behaviour = testWith('buildstream', 'nginx');
const mebibyte = 1024 * 1024;
const skip = { skip: noSmallVolume };

/** In seconds: long enough for a push on a busy machine, short enough to wait for its end. */
const lease = 5;
const evictAge = lease * (1 + 1 / 6) + 2 * (1 + lease / 60);

behaviour(
  '24. an artifact larger than the disk is skipped, and the build goes on',
  async (t) => {
    const disk = await smallVolume(64 * mebibyte);
    t.after(() => disk.unmount());
    const site = await startSite(t, { volume: disk.path, env: { HEAD_ROOM_MIN: String(8 * mebibyte) } });
    const folder = await temporaryFolder(t);
    const project = await bstProject(join(folder, 'project'), {
      large: { files: { 'large.bin': pseudoRandomBytes('large', 80 * mebibyte) } },
      small: { files: { 'small.txt': 'small\n' }, buildDepends: ['large'] },
    });
    const client = await bstClient(join(folder, 'client'), project, [site.push]);
    assertOutcome(await client.run('build', 'small.bst'), 0, says.built, says.pushed, says.pushSkipped);
    const reader = await bstClient(join(folder, 'reader'), project, [site.pull]);
    assertOutcome(await reader.run('pull', 'small.bst'), 0, says.pulled);
    assertOutcome(await reader.run('pull', 'large.bst'), 0, says.notCached);
  },
  skip,
);

behaviour(
  '25. on a disk that fills, the oldest artifacts go and one that was just pulled stays',
  async (t) => {
    const disk = await smallVolume(96 * mebibyte);
    t.after(() => disk.unmount());
    const env = {
      LEASE_SECONDS: String(lease),
      HEAD_ROOM_MIN: String(16 * mebibyte),
      HEAD_ROOM_MAX: String(48 * mebibyte),
    };
    const site = await startSite(t, { volume: disk.path, env });
    const folder = await temporaryFolder(t);
    const names = ['a', 'b', 'c', 'd', 'e', 'f'];
    const elements = names.map((name) => [
      name,
      { files: { [name]: pseudoRandomBytes(name, 12 * mebibyte) } },
    ]);
    const project = await bstProject(join(folder, 'project'), Object.fromEntries(elements));
    const builder = await bstClient(join(folder, 'builder'), project, [site.push]);
    const reader = async (name: string) => await bstClient(join(folder, name), project, [site.pull]);
    const build = async (name: string) =>
      assertOutcome(await builder.run('build', `${name}.bst`), 0, says.built, says.pushed);
    for (const name of ['a', 'b', 'c', 'd', 'e']) await build(name);
    assertOutcome(await (await reader('first')).run('pull', 'a.bst'), 0, says.pulled);
    await sleep(evictAge * 1000);

    await build('f');
    // 16 MiB were free, and 48 have to be: the two that were used longest ago go, and perhaps a third.
    await eventually(async () => (await readdir(join(disk.path, 'weir', 'trash'))).length > 0);
    await eventually(async () => (await readdir(join(disk.path, 'weir', 'trash'))).length === 0);
    const late = await reader('late');
    assertOutcome(
      await late.run('pull', 'a.bst', 'f.bst'),
      0,
      says.pulled,
      /Pull Queue: +processed 2, skipped 0/,
    );
    assertOutcome(
      await late.run('pull', 'b.bst', 'c.bst'),
      0,
      says.notCached,
      /Pull Queue: +processed 0, skipped 2/,
    );
  },
  skip,
);
