// Blobs that are deleted on the volume behind the server's back: what it remembers would be given all the same, for a while.
import assert from 'node:assert/strict';
import { access, rm } from 'node:fs/promises';

import { bazelClient } from '../support/bazel.ts';
import { overGrpc } from '../support/bazel-flags.ts';
import { allCached, assertBuilt, noneCached } from '../support/bazel-outcome.ts';
import { actionCount, contents } from '../support/bazel-workspace.ts';
import { startSite } from '../support/bst-site.ts';
import { blobPath } from '../support/bst-volume.ts';
import { testWith } from '../support/real-parts.ts';
import { looksAlways } from '../support/served.ts';

const behaviour = testWith('bazel', 'nginx');

behaviour('an action that lost a blob is built again without a word, and cached again', async (t) => {
  const site = await startSite(t, looksAlways);
  const user = await bazelClient(t);
  const build = async () => {
    await user.clean();
    return await user.build(...overGrpc(site.push));
  };
  assertBuilt(await build(), noneCached);
  const built = await user.outputs();

  // Two of them are in the results of two actions: when the second is looked up, the first has healed it.
  for (const name of ['words', 'inFolder', 'printed', 'large'] as const) {
    const path = blobPath(site.volume, contents[name]);
    await rm(path);
    assertBuilt(await build(), { 'remote cache hit': actionCount - 1, local: 1 });
    assert.deepEqual(await user.outputs(), built, `after losing ${name}`);
    await access(path);
    assertBuilt(await build(), allCached);
  }
});
