// What one user of Bazel has built, another gets from the cache: over gRPC, through nginx, with certificates.
import assert from 'node:assert/strict';

import { bazelClient } from '../support/bazel.ts';
import { overGrpc } from '../support/bazel-flags.ts';
import { allCached, assertBuilt, noneCached } from '../support/bazel-outcome.ts';
import { startSite } from '../support/bst-site.ts';
import { asWritten } from '../support/client-pages.ts';
import { testWith } from '../support/real-parts.ts';
import { newToken } from '../support/tokens.ts';

const behaviour = testWith('bazel', 'nginx');

behaviour('what one user builds, another pulls without a certificate, and builds nothing', async (t) => {
  const ci = newToken('ci', 'push');
  const site = await startSite(t, { tokens: [ci] });
  const builder = await bazelClient(t);
  await builder.useConfiguration(asWritten('bazel', 'Push with a certificate', { site }));
  assertBuilt(await builder.build(), noneCached);
  const built = await builder.outputs();

  const reader = await bazelClient(t);
  await reader.useConfiguration(asWritten('bazel', 'Pull only', { site }));
  assertBuilt(await reader.build(), allCached);
  assert.deepEqual(await reader.outputs(), built);

  // The push port reads as well.
  await builder.useConfiguration(asWritten('bazel', 'With a token', { site, token: ci.token }));
  await builder.clean();
  assertBuilt(await builder.build(), allCached);
  assert.deepEqual(await builder.outputs(), built);
});

behaviour('instance names keep caches apart', async (t) => {
  const site = await startSite(t);
  const user = await bazelClient(t);
  const build = async (instanceName: string) => {
    await user.clean();
    return await user.build(...overGrpc(site.push), `--remote_instance_name=${instanceName}`);
  };
  assertBuilt(await build('main/one'), noneCached);
  assertBuilt(await build('main/two'), noneCached);
  assertBuilt(await build(''), noneCached);
  for (const instanceName of ['main/one', 'main/two', '']) assertBuilt(await build(instanceName), allCached);
});
