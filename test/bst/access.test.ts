// Who may push and pull, and what everyone else is told.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import type { TestContext } from 'node:test';

import { bstClient } from '../support/bst.ts';
import type { BstClient, Remote } from '../support/bst.ts';
import { assertOutcome, says } from '../support/bst-outcome.ts';
import { bstProject, describeTree } from '../support/bst-project.ts';
import { startSite, temporaryFolder } from '../support/bst-site.ts';
import { references } from '../support/bst-volume.ts';
import { asWritten } from '../support/client-pages.ts';
import { testWith } from '../support/real-parts.ts';

const behaviour = testWith('buildstream', 'nginx');

behaviour('1. a build is pushed over TLS by a user whose client certificate is on the list', async (t) => {
  const site = await startSite(t);
  const { client } = await user(t);
  const builder = await client('builder');
  await builder.useConfiguration(asWritten('buildstream-1', 'Push with a certificate', { site }));
  assertOutcome(await builder.run('build', 'hello.bst'), 0, says.built, says.pushed);
  const [reference] = await references(site.volume);
  assert.match(reference ?? '', /^demo\/hello\/[0-9a-f]{64}$/);
});

behaviour('2. an artifact is pulled from the pull port without any certificate', async (t) => {
  const site = await startSite(t);
  const { client, project } = await user(t, site.push);
  assertOutcome(await (await client('builder')).run('build', 'hello.bst'), 0, says.pushed);

  const reader = await client('reader');
  await reader.useConfiguration(asWritten('buildstream-1', 'Pull only', { site }));
  assertOutcome(await reader.run('pull', 'hello.bst'), 0, says.pulled);
  assert.deepEqual(
    await describeTree(await reader.checkout('hello.bst')),
    await describeTree(join(project, 'files', 'hello')),
  );
  // A build finds it too, and has nothing left to do.
  assertOutcome(await (await client('other reader', site.pull)).run('build', 'hello.bst'), 0, says.pulled);
});

behaviour(
  '3. push: true against the pull port is refused with a message, and the build goes on',
  async (t) => {
    const site = await startSite(t);
    const { client } = await user(t, { ...site.pull, push: true });
    const bst = await client('builder');
    const refused = says.remoteRefused('.*does not allow push');
    assertOutcome(await bst.run('build', 'hello.bst'), 0, refused, says.built);
    assertOutcome(await bst.run('push', 'hello.bst'), 255, refused, says.noPushRemote);
    assert.deepEqual(await references(site.volume), []);
  },
);

behaviour('4. the push port refuses a client without a certificate, and says what is needed', async (t) => {
  const site = await startSite(t);
  const { url, serverCert } = site.push;
  assert.ok(serverCert);
  await assertRefused(t, { url, serverCert, push: true }, 'Pushing needs a client certificate');
});

behaviour("5. the push port refuses a stranger's certificate, and says how to get on the list", async (t) => {
  const site = await startSite(t);
  await assertRefused(t, site.pushAs(site.refused.stranger), 'not authorised to push.*authorized\\.crt');
});

behaviour(
  '6. the push port refuses an expired certificate although it is on the list, and says so',
  async (t) => {
    const site = await startSite(t);
    await assertRefused(t, site.pushAs(site.refused.expired), 'certificate has expired');
  },
);

behaviour('7. an expired server certificate is named by the client, and nothing hangs', async (t) => {
  const site = await startSite(t, { server: { validity: 'expired' } });
  await assertRefused(t, site.push, '(certificate verify failed|CERTIFICATE_VERIFY_FAILED)');
});

behaviour('8. a server certificate for another host is named by the client, and nothing hangs', async (t) => {
  const site = await startSite(t, { server: { names: ['cache.example'] } });
  await assertRefused(t, site.push, 'Peer name localhost is not in peer certificate');
});

behaviour('9. http on a TLS port ends with a message, and nothing hangs', async (t) => {
  const site = await startSite(t);
  const url = site.push.url.replace('https:', 'http:');
  await assertRefused(
    t,
    { url, push: true },
    '(failed to connect to all addresses|Trying to connect an http1\\.x server)',
  );
});

behaviour('10. a closed port does not keep a build from going on', async (t) => {
  // Port 1 is nobody's: no system gives it away.
  await assertRefused(t, { url: 'https://localhost:1', push: true }, 'Connection refused');
});

/** What one user has: a project, and clients in homes of their own that use `remote` unless told otherwise. */
async function user(t: TestContext, remote?: Remote) {
  const folder = await temporaryFolder(t);
  const project = await bstProject(join(folder, 'project'), {
    hello: { files: { 'share/hello.txt': 'hello\n' } },
  });
  const client = (name: string, other = remote): Promise<BstClient> =>
    bstClient(join(folder, name), project, other === undefined ? [] : [other]);
  return { project, client };
}

/** Pushing and pulling fail with the sentence; a build shows it too, and goes on without the cache. */
async function assertRefused(t: TestContext, remote: Remote, sentence: string): Promise<void> {
  const { client } = await user(t, remote);
  const bst = await client('refused');
  const refused = says.remoteRefused(sentence);
  assertOutcome(await bst.run('build', 'hello.bst'), 0, refused, says.built);
  assertOutcome(await bst.run('push', 'hello.bst'), 255, refused, says.noPushRemote);
  assertOutcome(await bst.run('pull', 'hello.bst'), 255, refused, says.noPullRemote);
}
