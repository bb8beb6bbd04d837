// BuildStream 2 pushes to a cache and pulls from it, through the proxy and its certificates.
import assert from 'node:assert/strict';
import { join } from 'node:path';

import { assertOutcome } from '../support/bst-outcome.ts';
import { describeTree, pseudoRandomBytes } from '../support/bst-project.ts';
import { startSite } from '../support/bst-site.ts';
import { assertBlobsWhole } from '../support/bst-volume.ts';
import { says2 } from '../support/bst2-outcome.ts';
import { workshop } from '../support/bst2-workshop.ts';
import { asWritten } from '../support/client-pages.ts';
import { testWith } from '../support/real-parts.ts';

const behaviour = testWith('buildstream2', 'nginx');
const mebibyte = 1024 * 1024;

behaviour('an artifact is pushed with a certificate and pulled without one, whatever is in it', async (t) => {
  const site = await startSite(t);
  const { user, project } = await workshop(t, {
    'large.bin': pseudoRandomBytes('large', 9 * mebibyte),
    'one-mebibyte.bin': pseudoRandomBytes('exact', mebibyte),
    'share/empty.txt': '',
    'share/link': { symlinkTo: 'empty.txt' },
    'bin/program': { executable: '#!/bin/sh\n' },
    'var/empty': { emptyFolder: true },
    ...Object.fromEntries(Array.from({ length: 300 }, (_, index) => [`many/${index}`, `${index}\n`])),
  });
  const builder = await user('builder', {});
  await builder.useConfiguration(asWritten('buildstream-2', 'Push with a certificate', { site }));
  assertOutcome(await builder.run('build', 'hello.bst'), 0, says2.built, says2.pushed);
  await assertBlobsWhole(site.volume);

  const reader = await user('reader', {});
  await reader.useConfiguration(asWritten('buildstream-2', 'Pull only', { site }));
  assertOutcome(await reader.run('artifact', 'pull', 'hello.bst'), 0, says2.pulled);
  assert.deepEqual(
    await describeTree(await reader.checkout('hello.bst')),
    await describeTree(join(project, 'files', 'hello')),
  );
});

behaviour('a build finds the artifact of somebody else and does not build', async (t) => {
  const site = await startSite(t);
  const { user } = await workshop(t);
  const builder = await user('builder', { artifacts: [site.push] });
  assertOutcome(await builder.run('build', 'hello.bst'), 0, says2.pushed);

  const reader = await user('reader', { artifacts: [site.pull] });
  assertOutcome(await reader.run('build', 'hello.bst'), 0, says2.pulled, /Build Queue: +processed 0/);
});

behaviour(
  'pushing an artifact again is skipped, by the same user and by one who only pulled it',
  async (t) => {
    const site = await startSite(t);
    const { user } = await workshop(t);
    const builder = await user('builder', { artifacts: [site.push] });
    assertOutcome(await builder.run('build', 'hello.bst'), 0, says2.pushed);
    assertOutcome(await builder.run('artifact', 'push', 'hello.bst'), 0, says2.pushSkipped);

    const other = await user('other', { artifacts: [site.push] });
    assertOutcome(await other.run('artifact', 'pull', 'hello.bst'), 0, says2.pulled);
    assertOutcome(await other.run('artifact', 'push', 'hello.bst'), 0, says2.pushSkipped);
  },
);

behaviour('what nobody pushed is built', async (t) => {
  const site = await startSite(t);
  const { user } = await workshop(t);
  const reader = await user('reader', { artifacts: [site.pull] });
  assertOutcome(await reader.run('build', 'hello.bst'), 0, says2.notCached, says2.built);
});
