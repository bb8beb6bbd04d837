import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { test } from 'node:test';
import { weirCommand } from '../support/command.ts';
import { knownVolume } from '../support/known-volume.ts';
import { blobFile } from '../support/volume-damage.ts';
import { volumeTraces } from '../support/volume-traces.ts';

void test('looking at a volume changes nothing on it, no time of any file', async (t) => {
  const { volume, one, loose } = await knownVolume(t);
  const [damaged] = one.files;
  assert.ok(damaged);
  await writeFile(blobFile(volume, damaged), 'short');
  const before = await volumeTraces(volume);
  const looks: [number, ...string[]][] = [
    [0, 'ls', '--kind', 'all', '--long'],
    [0, 'ls', '--count'],
    [1, 'show', 'alpha/app/one'],
    [1, 'show', 'alpha/app/two', '--json'],
    [4, 'show', 'alpha/app/three'],
    [1, 'why-missing', 'alpha/app/one'],
    [1, 'why-missing', damaged.digest.hash],
    [0, 'why-missing', loose.digest.hash],
    [4, 'why-missing', '0'.repeat(64)],
    [0, 'du'],
    [0, 'du', '--by', 'kind'],
    [0, 'du', '--by', 'age'],
  ];
  for (const [expected, ...args] of looks) {
    const { code, err } = await weirCommand(...args, '--volume', volume);
    assert.equal(code, expected, `${args.join(' ')}: ${err}`);
    assert.deepEqual(await volumeTraces(volume), before, args.join(' '));
  }
});
