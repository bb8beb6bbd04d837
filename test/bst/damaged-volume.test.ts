// Faults of the volume reach a user as "not cached" at most, and pushing again repairs them.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import type { TestContext } from 'node:test';

import { bstClient } from '../support/bst.ts';
import { assertOutcome, says } from '../support/bst-outcome.ts';
import { bstProject, describeTree, pseudoRandomBytes } from '../support/bst-project.ts';
import { startSite, temporaryFolder } from '../support/bst-site.ts';
import { blobPath, damage, directoryPath, referencePath, references } from '../support/bst-volume.ts';
import { testWith } from '../support/real-parts.ts';

const behaviour = testWith('buildstream', 'nginx');
const contents = 'some contents that a disk can lose\n';
/** Too large for a batch: some of it has been sent before anybody can know that the rest is wrong. */
const streamed = pseudoRandomBytes('streamed', 3 * 1024 * 1024);

behaviour('15. an artifact that lost a blob is not cached, and pushing it again repairs it', async (t) => {
  const { volume, ...users } = await pushedArtifact(t);
  await damage.lose(blobPath(volume, contents));
  await assertNotCachedThenRepaired(users);
});

behaviour(
  '15. an artifact that lost a directory is not cached, and pushing it again repairs it',
  async (t) => {
    const { volume, reference, ...users } = await pushedArtifact(t);
    await damage.lose(await directoryPath(volume, reference, 'files/share/deep'));
    await assertNotCachedThenRepaired(users);
  },
);

behaviour(
  '15. an artifact that lost a blob is built again where it is needed, which repairs it',
  async (t) => {
    const { volume, builder, reader } = await pushedArtifact(t);
    await damage.lose(blobPath(volume, contents));
    await builder.forgetArtifacts();
    assertOutcome(await builder.run('build', 'things.bst'), 0, says.notCached, says.built, says.pushed);
    assertOutcome(await reader.run('pull', 'things.bst'), 0, says.pulled);
  },
);

for (const [what, harm] of [
  ['15. an artifact that lost a blob', damage.lose],
  ['16. an artifact with a truncated blob', damage.truncate],
] as const) {
  behaviour(`${what} is repaired by the next push, although nobody has noticed yet`, async (t) => {
    const { volume, builder, reader } = await pushedArtifact(t);
    await harm(blobPath(volume, contents));
    assertOutcome(await builder.run('push', 'things.bst'), 0, says.pushed);
    assertOutcome(await reader.run('pull', 'things.bst'), 0, says.pulled);
  });
}

behaviour(
  '16. an artifact with a truncated blob is not cached, and pushing it again repairs it',
  async (t) => {
    const { volume, ...users } = await pushedArtifact(t);
    await damage.truncate(blobPath(volume, contents));
    await assertNotCachedThenRepaired(users);
  },
);

behaviour(
  '17. an artifact with a corrupt streamed blob is not cached, and pushing it again repairs it',
  async (t) => {
    const { volume, ...users } = await pushedArtifact(t);
    await damage.corrupt(blobPath(volume, streamed));
    await assertNotCachedThenRepaired(users);
  },
);

behaviour('17. an artifact with a corrupt blob is not cached, and pushing it again repairs it', async (t) => {
  const { volume, ...users } = await pushedArtifact(t);
  await damage.corrupt(blobPath(volume, contents));
  await assertNotCachedThenRepaired(users);
});

behaviour(
  '17. an artifact with a corrupt directory is not cached, and pushing it again repairs it',
  async (t) => {
    const { volume, reference, ...users } = await pushedArtifact(t);
    await damage.corrupt(await directoryPath(volume, reference, 'files/share'));
    await assertNotCachedThenRepaired(users);
  },
);

behaviour(
  '18. an artifact with an empty reference file is not cached, and pushing it again repairs it',
  async (t) => {
    const { volume, reference, ...users } = await pushedArtifact(t);
    await damage.empty(referencePath(volume, reference));
    await assertNotCachedThenRepaired(users);
  },
);

/** A cache with one artifact in it, the user who pushed it and one who will pull it. */
async function pushedArtifact(t: TestContext) {
  const site = await startSite(t);
  const folder = await temporaryFolder(t);
  const files = { 'share/deep/file.txt': contents, 'share/streamed.bin': streamed };
  const project = await bstProject(join(folder, 'project'), { things: { files } });
  const builder = await bstClient(join(folder, 'builder'), project, [site.push]);
  assertOutcome(await builder.run('build', 'things.bst'), 0, says.pushed);
  const [reference] = await references(site.volume);
  assert.ok(reference);
  const reader = await bstClient(join(folder, 'reader'), project, [site.pull]);
  return { volume: site.volume, reference, project, builder, reader };
}

type Users = Omit<Awaited<ReturnType<typeof pushedArtifact>>, 'volume' | 'reference'>;

async function assertNotCachedThenRepaired({ project, builder, reader }: Users): Promise<void> {
  assertOutcome(await reader.run('pull', 'things.bst'), 0, says.notCached, says.pullSkipped);
  assertOutcome(await builder.run('push', 'things.bst'), 0, says.pushed);
  assertOutcome(await reader.run('pull', 'things.bst'), 0, says.pulled);
  assert.deepEqual(
    await describeTree(await reader.checkout('things.bst')),
    await describeTree(join(project, 'files', 'things')),
  );
}
