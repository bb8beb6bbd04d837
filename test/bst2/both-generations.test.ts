// BuildStream 1.6 and 2 on one server, at the same time.
import assert from 'node:assert/strict';
import { join } from 'node:path';

import { bstClient } from '../support/bst.ts';
import { assertOutcome, says } from '../support/bst-outcome.ts';
import { bstProject, describeTree, pseudoRandomBytes } from '../support/bst-project.ts';
import { startSite, temporaryFolder } from '../support/bst-site.ts';
import { assertBlobsWhole, blobHashes } from '../support/bst-volume.ts';
import { says2 } from '../support/bst2-outcome.ts';
import { bst2Client } from '../support/bst2.ts';
import { testWith } from '../support/real-parts.ts';

const behaviour = testWith('buildstream', 'buildstream2', 'nginx');

behaviour('1.6 and 2 push to one server at once, and each pulls what its own pushed', async (t) => {
  const site = await startSite(t);
  const folder = await temporaryFolder(t);
  const large = pseudoRandomBytes('large', 9 * 1024 * 1024);
  const elements = { hello: { files: { 'share/hello.txt': 'hello\n', 'large.bin': large } } };
  const project = await bstProject(join(folder, 'project'), elements);
  const project2 = await bstProject(join(folder, 'project-2'), elements, 2);
  const builder = await bstClient(join(folder, 'builder'), project, [site.push]);
  const builder2 = await bst2Client(join(folder, 'builder-2'), project2, { artifacts: [site.push] });
  const [first, second] = await Promise.all([
    builder.run('build', 'hello.bst'),
    builder2.run('build', 'hello.bst'),
  ]);
  assertOutcome(first, 0, says.built, says.pushed);
  assertOutcome(second, 0, says2.built, says2.pushed);
  await assertBlobsWhole(site.volume);
  const blobs = await blobHashes(site.volume);

  const reader = await bstClient(join(folder, 'reader'), project, [site.pull]);
  assertOutcome(await reader.run('pull', 'hello.bst'), 0, says.pulled);
  const reader2 = await bst2Client(join(folder, 'reader-2'), project2, { artifacts: [site.pull] });
  assertOutcome(await reader2.run('artifact', 'pull', 'hello.bst'), 0, says2.pulled);
  const expected = await describeTree(join(project, 'files', 'hello'));
  assert.deepEqual(await describeTree(await reader.checkout('hello.bst')), expected);
  assert.deepEqual(await describeTree(await reader2.checkout('hello.bst')), expected);

  assertOutcome(await builder.run('push', 'hello.bst'), 0, says.alreadyCached, says.pushSkipped);
  assertOutcome(await builder2.run('artifact', 'push', 'hello.bst'), 0, says2.pushSkipped);
  assert.deepEqual(await blobHashes(site.volume), blobs);
});
