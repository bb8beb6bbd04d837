// One server is several caches for BuildStream 2: an instance name each.
import assert from 'node:assert/strict';
import { join } from 'node:path';

import { assertOutcome } from '../support/bst-outcome.ts';
import { describeTree, pseudoRandomBytes } from '../support/bst-project.ts';
import { startSite } from '../support/bst-site.ts';
import { says2 } from '../support/bst2-outcome.ts';
import { workshop } from '../support/bst2-workshop.ts';
import { asWritten } from '../support/client-pages.ts';
import { testWith } from '../support/real-parts.ts';

const behaviour = testWith('buildstream2', 'nginx');

behaviour('artifacts of an instance are pulled from it, and not seen in another', async (t) => {
  const site = await startSite(t);
  // Large enough to be uploaded and downloaded by a name that begins with that of the instance.
  const { user, project } = await workshop(t, { 'large.bin': pseudoRandomBytes('large', 9 * 1024 * 1024) });
  const builder = await user('builder', {});
  // Its instance is team/main.
  await builder.useConfiguration(asWritten('buildstream-2', 'Instance names', { site }));
  assertOutcome(await builder.run('build', 'hello.bst'), 0, says2.pushed);

  for (const other of ['team', 'team/other', undefined]) {
    const remote = other === undefined ? site.pull : { ...site.pull, instanceName: other };
    const stranger = await user(`stranger in ${other}`, { artifacts: [remote] });
    assertOutcome(await stranger.run('artifact', 'pull', 'hello.bst'), 0, says2.notCached, says2.pullSkipped);
  }
  const reader = await user('reader', { artifacts: [{ ...site.pull, instanceName: 'team/main' }] });
  assertOutcome(await reader.run('artifact', 'pull', 'hello.bst'), 0, says2.pulled);
  assert.deepEqual(
    await describeTree(await reader.checkout('hello.bst')),
    await describeTree(join(project, 'files', 'hello')),
  );
});
