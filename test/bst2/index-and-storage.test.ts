// BuildStream 2 with a cache in two halves: one server knows what there is, the other has it.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import type { TestContext } from 'node:test';

import { assertOutcome } from '../support/bst-outcome.ts';
import { describeTree, pseudoRandomBytes } from '../support/bst-project.ts';
import { startSite } from '../support/bst-site.ts';
import { blobHashes, blobPath, damage } from '../support/bst-volume.ts';
import { says2 } from '../support/bst2-outcome.ts';
import { upstreamRelease, workshop } from '../support/bst2-workshop.ts';
import type { Remote2 } from '../support/bst2.ts';
import { testWith } from '../support/real-parts.ts';

const behaviour = testWith('buildstream2', 'nginx');
const contents = 'the only text\n';
const files = { 'only.txt': contents, 'large.bin': pseudoRandomBytes('large', 5 * 1024 * 1024) };

behaviour('an artifact is pushed to an index and a storage, and pulled from the two', async (t) => {
  const { index, storage, push, pull } = await halves(t);
  const { user, project } = await workshop(t, files);
  const builder = await user('builder', { artifacts: push });
  assertOutcome(await builder.run('build', 'hello.bst'), 0, says2.built, says2.pushed);
  const stored = await blobHashes(storage.volume);
  assert.ok(stored.length > 5, `only ${stored.length} blobs arrived at the storage`);
  // The empty blob is always there.
  assert.ok((await blobHashes(index.volume)).length <= 1, 'the index got blobs');
  assertOutcome(await builder.run('artifact', 'push', 'hello.bst'), 0, says2.pushSkipped);

  const reader = await user('reader', { artifacts: pull });
  assertOutcome(await reader.run('build', 'hello.bst'), 0, says2.pulled, /Build Queue: +processed 0/);
  assert.deepEqual(
    await describeTree(await reader.checkout('hello.bst')),
    await describeTree(join(project, 'files', 'hello')),
  );
});

behaviour('a blob that the storage lost makes the artifact built again, which heals it', async (t) => {
  const { storage, push, pull } = await halves(t);
  const shop = await workshop(t);
  const { user } = shop;
  await upstreamRelease(shop, files);
  const builder = await user('builder', { artifacts: push });
  assertOutcome(await builder.run('build', 'release.bst'), 0, says2.pushed);
  await damage.lose(blobPath(storage.volume, contents));

  const second = await user('second', { artifacts: push });
  assertOutcome(await second.run('build', 'release.bst'), 0, says2.notCached, says2.built, says2.pushed);
  const reader = await user('reader', { artifacts: pull });
  assertOutcome(await reader.run('artifact', 'pull', 'release.bst'), 0, says2.pulled);
});

async function halves(t: TestContext) {
  const index = await startSite(t, { env: { INDEX_ONLY: 'true' } });
  const storage = await startSite(t);
  const both = (port: 'push' | 'pull'): Remote2[] => [
    { ...index[port], type: 'index' },
    { ...storage[port], type: 'storage' },
  ];
  return { index, storage, push: both('push'), pull: both('pull') };
}
