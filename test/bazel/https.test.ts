// Bazel over HTTP/1.1 and TLS: the same results on the same ports.
import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import type { TestContext } from 'node:test';

import { bazelClient } from '../support/bazel.ts';
import { overGrpc, overHttp, trusting } from '../support/bazel-flags.ts';
import { allCached, assertBuilt, assertWarned, noneCached } from '../support/bazel-outcome.ts';
import { actionCount, contents } from '../support/bazel-workspace.ts';
import { startSite, temporaryFolder } from '../support/bst-site.ts';
import { blobPath } from '../support/bst-volume.ts';
import { asWritten } from '../support/client-pages.ts';
import { testWith } from '../support/real-parts.ts';

const behaviour = testWith('bazel', 'nginx');
const readOnly = '--noremote_upload_local_results';

behaviour('the pull port gives over https what was pushed over grpcs', async (t) => {
  const { site, user } = await siteAndUser(t);
  assertBuilt(await user.build(...overGrpc(site.push)), noneCached);
  const built = await user.outputs();

  await user.clean();
  await user.useConfiguration(asWritten('bazel', 'HTTP cache', { site }));
  assertBuilt(await user.build(), allCached);
  await user.useConfiguration('');
  assert.deepEqual(await user.outputs(), built);

  // Over HTTP nobody asks first what a server takes: each result is offered, and refused.
  await rm(blobPath(site.volume, contents.inFolder));
  await user.clean();
  const { actions, ...offered } = await user.build(...overHttp(site.pull));
  assertWarned({ actions, ...offered }, /Writing to Remote Cache/);
  assert.equal(actions['remote cache hit'], actionCount - 1, offered.output);
  assert.deepEqual(await user.outputs(), built);
});

behaviour('the path of the url is the instance name', async (t) => {
  const { site, user } = await siteAndUser(t);
  assertBuilt(await user.build(...overGrpc(site.push), '--remote_instance_name=main/one'), noneCached);
  await user.clean();
  assertBuilt(await user.build(...overHttp(site.pull, '/main/two'), readOnly), noneCached);
  await user.clean();
  assertBuilt(await user.build(...overHttp(site.pull, '/main/one'), readOnly), allCached);
});

async function siteAndUser(t: TestContext) {
  const site = await startSite(t);
  const { serverCert = '' } = site.pull;
  const user = await bazelClient(t, { properties: await trusting(await temporaryFolder(t), serverCert) });
  return { site, user };
}
