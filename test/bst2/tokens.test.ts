// Access tokens instead of certificates, as BuildStream 2 and recc send them.
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';

import { assertOutcome } from '../support/bst-outcome.ts';
import { startSite } from '../support/bst-site.ts';
import { writeEntries } from '../support/bst-project.ts';
import { says2 } from '../support/bst2-outcome.ts';
import { workshop } from '../support/bst2-workshop.ts';
import type { Remote2 } from '../support/bst2.ts';
import { compile, compileAs, recc } from '../support/buildbox.ts';
import { asWritten } from '../support/client-pages.ts';
import { testWith } from '../support/real-parts.ts';
import { newToken } from '../support/tokens.ts';

const behaviour = testWith('buildstream2', 'buildbox', 'nginx');
const push = newToken('ci', 'push');
const pull = newToken('laptop', 'pull');
const unknown = newToken('former.colleague', 'push');

behaviour(
  'a token with the role push pushes without a certificate, one with the role pull pulls',
  async (t) => {
    const { user, port, site } = await tokenSite(t, { PULL_ACCESS: 'token' });
    const { accessToken: tokenFile = '' } = await port('push', push.token);
    const builder = await user('builder', {});
    await builder.useConfiguration(asWritten('buildstream-2', 'With a token', { site, tokenFile }));
    assertOutcome(await builder.run('build', 'hello.bst'), 0, says2.built, says2.pushed);
    const reader = await user('reader', { artifacts: [await port('pull', pull.token)] });
    assertOutcome(await reader.run('artifact', 'pull', 'hello.bst'), 0, says2.pulled);

    const nobody = await user('nobody', { artifacts: [site.pull] });
    assertOutcome(
      await nobody.run('build', 'hello.bst'),
      0,
      says2.remoteRefused('access token'),
      says2.built,
    );
  },
);

behaviour('a token that may not push is refused with the reason, and the build goes on', async (t) => {
  const { user, port } = await tokenSite(t);
  const laptop = await user('laptop', { artifacts: [await port('push', pull.token)] });
  const refused = says2.remoteRefused('.*has the role pull');
  assertOutcome(await laptop.run('build', 'hello.bst'), 0, refused, says2.built);
  const former = await user('former', { artifacts: [await port('push', unknown.token)] });
  assertOutcome(
    await former.run('build', 'hello.bst'),
    0,
    says2.remoteRefused('not known here'),
    says2.built,
  );
});

behaviour('recc stores and finds an action with a token', async (t) => {
  const { site, port, folder } = await tokenSite(t);
  const sources = { 'answer.c': 'int answer(void) { return 42; }\n' };
  await writeEntries(join(folder, 'first'), sources);
  await writeEntries(join(folder, 'second'), sources);
  const { accessToken: tokenFile = '' } = await port('push', push.token);
  const configuration = asWritten('recc', 'With a token', { site, tokenFile });
  const stored = await compileAs(join(folder, 'first'), configuration);
  assert.match(stored.output, recc.stored);
  const found = await compile(join(folder, 'second'), await port('push', pull.token));
  assert.match(found.output, recc.hit);
});

/** A site with a list of two tokens. */
async function tokenSite(t: TestContext, env: Record<string, string> = {}) {
  const site = await startSite(t, { tokens: [push, pull], env });
  const { folder, user } = await workshop(t);
  /** A port of it, as the holder of a token configures it. */
  const port = async (name: 'push' | 'pull', token: string): Promise<Remote2> => {
    const { url, serverCert } = site[name];
    const accessToken = join(folder, `token-${token.slice(0, 8)}`);
    await writeFile(accessToken, token);
    return { url, push: name === 'push', accessToken, ...(serverCert === undefined ? {} : { serverCert }) };
  };
  return { site, folder, user, port };
}
