// Who may push with BuildStream 2, and what everyone else is told.
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';

import { assertOutcome } from '../support/bst-outcome.ts';
import { startSite } from '../support/bst-site.ts';
import { blobHashes } from '../support/bst-volume.ts';
import { says2 } from '../support/bst2-outcome.ts';
import { workshop } from '../support/bst2-workshop.ts';
import type { Remote2 } from '../support/bst2.ts';
import { testWith } from '../support/real-parts.ts';

const behaviour = testWith('buildstream2', 'nginx');

behaviour('push: true against the pull port is refused with a message, and the build goes on', async (t) => {
  const site = await startSite(t);
  await assertRefused(t, { ...site.pull, push: true }, 'PERMISSION_DENIED: this port is for pulling only');
  assert.deepEqual(await blobHashes(site.volume), []);
});

behaviour('the push port refuses a client without a certificate, and says what is needed', async (t) => {
  const site = await startSite(t);
  const { url, serverCert } = site.push;
  assert.ok(serverCert);
  await assertRefused(t, { url, serverCert, push: true }, 'Pushing needs a client certificate');
});

behaviour("the push port refuses a stranger's certificate, and says how to get on the list", async (t) => {
  const site = await startSite(t);
  await assertRefused(t, site.pushAs(site.refused.stranger), 'not authorised to push.*authorized\\.crt');
});

/** A build shows the sentence and goes on without the cache; pushing fails. */
async function assertRefused(t: TestContext, remote: Remote2, sentence: string): Promise<void> {
  const { user } = await workshop(t);
  const refused = await user('refused', { artifacts: [remote] });
  assertOutcome(await refused.run('build', 'hello.bst'), 0, says2.remoteRefused(sentence), says2.built);
  assertOutcome(await refused.run('artifact', 'push', 'hello.bst'), 255, says2.remoteRefused(sentence));
}
