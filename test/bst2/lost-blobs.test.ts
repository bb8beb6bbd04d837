// A blob that is lost behind the cache's back reaches users of BuildStream 2 as "not cached", and is healed by
// whoever pushes next.
import assert from 'node:assert/strict';

import { assertOutcome } from '../support/bst-outcome.ts';
import { describeTree } from '../support/bst-project.ts';
import { startSite } from '../support/bst-site.ts';
import { assertBlobsWhole, blobPath, damage } from '../support/bst-volume.ts';
import { says2 } from '../support/bst2-outcome.ts';
import { upstreamRelease, workshop } from '../support/bst2-workshop.ts';
import { testWith } from '../support/real-parts.ts';

const behaviour = testWith('buildstream2', 'nginx');
const contents = 'the only file\n';
const files = { 'share/only.txt': contents };

const faults = {
  'is lost': damage.lose,
  'was cut short': damage.truncate,
};
for (const [fault, inflict] of Object.entries(faults)) {
  behaviour(`a file that ${fault} makes the artifact built again, which heals the cache`, async (t) => {
    const site = await startSite(t);
    const shop = await workshop(t);
    const { user } = shop;
    const release = await upstreamRelease(shop, files);
    const builder = await user('builder', { artifacts: [site.push] });
    assertOutcome(await builder.run('build', 'release.bst'), 0, says2.pushed);
    await inflict(blobPath(site.volume, contents));

    const second = await user('second', { artifacts: [site.push] });
    assertOutcome(await second.run('build', 'release.bst'), 0, says2.notCached, says2.built, says2.pushed);
    await assertBlobsWhole(site.volume);
    const reader = await user('reader', { artifacts: [site.pull] });
    assertOutcome(await reader.run('artifact', 'pull', 'release.bst'), 0, says2.pulled);
    assert.deepEqual(
      await describeTree(await reader.checkout('release.bst')),
      await describeTree(release.contents),
    );
  });
}

behaviour('whoever still has the artifact heals the cache by pushing it again', async (t) => {
  const site = await startSite(t);
  const shop = await workshop(t);
  const { user } = shop;
  await upstreamRelease(shop, files);
  const builder = await user('builder', { artifacts: [site.push] });
  assertOutcome(await builder.run('build', 'release.bst'), 0, says2.pushed);
  await damage.lose(blobPath(site.volume, contents));
  const reader = await user('reader', { artifacts: [site.pull] });
  assertOutcome(await reader.run('artifact', 'pull', 'release.bst'), 0, says2.notCached, says2.pullSkipped);

  assertOutcome(await builder.run('artifact', 'push', 'release.bst'), 0, /INFO +Pushed data from artifact/);
  assertOutcome(await reader.run('artifact', 'pull', 'release.bst'), 0, says2.pulled);
});
