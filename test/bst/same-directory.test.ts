// One directory, handed to and fro between BuildStream's own server and Weir.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import type { TestContext } from 'node:test';

import { bstClient } from '../support/bst.ts';
import type { Implementation } from '../support/bst-artifact-server.ts';
import { assertOutcome, says } from '../support/bst-outcome.ts';
import { bstProject, describeTree, pseudoRandomBytes } from '../support/bst-project.ts';
import { startSite, temporaryFolder } from '../support/bst-site.ts';
import { assertBlobsWhole, assertReferencesWhole, references } from '../support/bst-volume.ts';
import { testWith } from '../support/real-parts.ts';

const behaviour = testWith('buildstream', 'nginx');
const turns: Implementation[] = ['reference', 'weir', 'reference', 'weir'];

behaviour('27. a directory served in turns by the reference server and by Weir loses nothing', async (t) => {
  const folder = await temporaryFolder(t);
  const volume = join(folder, 'volume');
  const elements = turns.map((_, index) => [
    `turn${index}`,
    {
      files: {
        'stream.bin': pseudoRandomBytes(`turn ${index}`, 1_500_000),
        'bin/run': { executable: `#!/bin/sh\necho ${index}\n` },
        'share/batch.txt': `turn ${index}\n`,
        'share/empty.txt': '',
        'share/common.txt': 'pushed in the first turn, present in all others\n',
      },
    },
  ]);
  const project = await bstProject(join(folder, 'project'), Object.fromEntries(elements));

  for (const [turn, implementation] of turns.entries()) {
    await t.test(`turn ${turn + 1}: ${implementation}`, async (turnTest) => {
      await takeTurn(turnTest, { implementation, volume, folder, project, turn });
    });
  }
});

interface Turn {
  implementation: Implementation;
  volume: string;
  folder: string;
  project: string;
  turn: number;
}

/** Pushes one artifact more, then pulls all there are by now. */
async function takeTurn(
  t: TestContext,
  { implementation, volume, folder, project, turn }: Turn,
): Promise<void> {
  const site = await startSite(t, { implementation, volume });
  const builder = await bstClient(join(folder, `builder${turn}`), project, [site.push]);
  assertOutcome(await builder.run('build', `turn${turn}.bst`), 0, says.pushed);
  // What an earlier turn pushed is known to this one.
  if (turn > 0) assertOutcome(await builder.run('build', 'turn0.bst'), 0, says.pulled, says.alreadyCached);

  const reader = await bstClient(join(folder, `reader${turn}`), project, [site.pull]);
  for (let earlier = 0; earlier <= turn; earlier += 1) {
    const name = `turn${earlier}`;
    assertOutcome(await reader.run('pull', `${name}.bst`), 0, says.pulled);
    assert.deepEqual(
      await describeTree(await reader.checkout(`${name}.bst`)),
      await describeTree(join(project, 'files', name)),
    );
  }
  await site.stop();

  assert.equal((await references(volume)).length, turn + 1);
  await assertBlobsWhole(volume);
  await assertReferencesWhole(volume);
}
