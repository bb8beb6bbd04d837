// Who is refused what, and what Bazel makes of it. Nothing of it may hang, and no build may give a wrong result.

import { bazelClient } from '../support/bazel.ts';
import { overGrpc } from '../support/bazel-flags.ts';
import { assertBuilt, assertRefused, noneCached } from '../support/bazel-outcome.ts';
import { startSite } from '../support/bst-site.ts';
import { testWith } from '../support/real-parts.ts';

const behaviour = testWith('bazel', 'nginx');

behaviour('the pull port says at once that it takes no results, and serves who sends none', async (t) => {
  const site = await startSite(t);
  const user = await bazelClient(t);
  // Bazel's default is to upload. It asks first, and would rather not begin than not upload.
  assertRefused(await user.build(...overGrpc(site.pull)), /not authorized to write local results/);
  assertBuilt(await user.build(...overGrpc(site.pull), '--noremote_upload_local_results'), noneCached);
});

behaviour('the push port tells Bazel what is wrong with a certificate, or that there is none', async (t) => {
  const site = await startSite(t);
  const user = await bazelClient(t);
  const { url, serverCert } = site.pushAs(site.refused.stranger);
  const nobody = { url, ...(serverCert === undefined ? {} : { serverCert }) };
  assertRefused(await user.build(...overGrpc(nobody)), /UNAUTHENTICATED: Pushing needs a client certificate/);
  assertRefused(
    await user.build(...overGrpc(site.pushAs(site.refused.stranger))),
    /UNAUTHENTICATED: This client certificate is not authorised/,
  );
  assertRefused(
    await user.build(...overGrpc(site.pushAs(site.refused.expired))),
    /UNAUTHENTICATED: This client certificate has expired/,
  );
});
