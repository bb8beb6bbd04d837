// A source cache serves what upstream no longer has.
import assert from 'node:assert/strict';

import { assertOutcome } from '../support/bst-outcome.ts';
import { describeTree, pseudoRandomBytes } from '../support/bst-project.ts';
import { startSite } from '../support/bst-site.ts';
import { blobPath, damage } from '../support/bst-volume.ts';
import { says2 } from '../support/bst2-outcome.ts';
import { upstreamRelease, workshop } from '../support/bst2-workshop.ts';
import { testWith } from '../support/real-parts.ts';

const behaviour = testWith('buildstream2', 'nginx');
const readme = 'read me\n';
const files = {
  README: readme,
  'data.bin': pseudoRandomBytes('data', 3 * 1024 * 1024),
  'bin/tool': { executable: '#!/bin/sh\n' },
};

behaviour('sources are pushed by who fetched them, and pulled when upstream is gone', async (t) => {
  const site = await startSite(t);
  const shop = await workshop(t);
  const { user } = shop;
  const release = await upstreamRelease(shop, files);
  const builder = await user('builder', { sources: [site.push] });
  assertOutcome(await builder.run('build', 'release.bst'), 0, says2.built, says2.sourcesPushed);
  assertOutcome(
    await builder.run('source', 'push', 'release.bst'),
    0,
    /Src-push Queue: +processed 0, skipped 1/,
  );

  await release.vanish();
  const alone = await user('alone', {});
  assert.equal((await alone.run('source', 'fetch', 'release.bst')).code, 255);
  const reader = await user('reader', { sources: [site.pull] });
  assertOutcome(await reader.run('build', 'release.bst'), 0, says2.sourcePulled, says2.built);
  assert.deepEqual(
    await describeTree(await reader.checkout('release.bst')),
    await describeTree(release.contents),
  );
});

behaviour(
  'sources of which a file is lost are fetched from upstream, and that heals the cache',
  async (t) => {
    const site = await startSite(t);
    const shop = await workshop(t);
    const { user } = shop;
    const release = await upstreamRelease(shop, files);
    const builder = await user('builder', { sources: [site.push] });
    assertOutcome(await builder.run('build', 'release.bst'), 0, says2.sourcesPushed);
    await damage.lose(blobPath(site.volume, readme));

    const second = await user('second', { sources: [site.push] });
    assertOutcome(await second.run('build', 'release.bst'), 0, says2.built, /INFO +Pushed data from source/);
    await release.vanish();
    const reader = await user('reader', { sources: [site.pull] });
    assertOutcome(await reader.run('build', 'release.bst'), 0, says2.sourcePulled, says2.built);
  },
);
