// More than one cache in a user's configuration: all of them receive, the first that can serves.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import type { TestContext } from 'node:test';

import { bstClient } from '../support/bst.ts';
import type { BstClient, Remote } from '../support/bst.ts';
import { assertOutcome, says } from '../support/bst-outcome.ts';
import { bstProject } from '../support/bst-project.ts';
import { startSite, temporaryFolder } from '../support/bst-site.ts';
import type { Site } from '../support/bst-site.ts';
import { blobHashes, blobPath, damage, references } from '../support/bst-volume.ts';
import { testWith } from '../support/real-parts.ts';

const behaviour = testWith('buildstream', 'nginx');
const contents = 'the only file\n';

behaviour('12. two caches with push: true both receive an artifact', async (t) => {
  const { first, second, client } = await twoSites(t);
  const outcome = await (await client('builder', first.push, second.push)).run('build', 'hello.bst');
  assertOutcome(outcome, 0, pushedTo(first), pushedTo(second));
  assert.equal((await references(first.volume)).length, 1);
  assert.deepEqual(await references(second.volume), await references(first.volume));
  assert.deepEqual(await blobHashes(second.volume), await blobHashes(first.volume));
});

behaviour('13. what the first cache lacks is pulled from the second', async (t) => {
  const { first, second, client } = await twoSites(t);
  assertOutcome(await (await client('builder', second.push)).run('build', 'hello.bst'), 0, says.pushed);
  const outcome = await (await client('reader', first.pull, second.pull)).run('pull', 'hello.bst');
  assertOutcome(outcome, 0, says.notCached, pulledFrom(second));
});

behaviour('14. when the first cache has lost a blob, the second serves', async (t) => {
  const { first, second, client } = await twoSites(t);
  const builder = await client('builder', first.push, second.push);
  assertOutcome(await builder.run('build', 'hello.bst'), 0, pushedTo(first), pushedTo(second));
  await damage.lose(blobPath(first.volume, contents));
  const outcome = await (await client('reader', first.pull, second.pull)).run('pull', 'hello.bst');
  assertOutcome(outcome, 0, says.notCached, pulledFrom(second));
});

behaviour('14. when the first cache is down, the second serves', async (t) => {
  const { first, second, client } = await twoSites(t);
  const builder = await client('builder', first.push, second.push);
  assertOutcome(await builder.run('build', 'hello.bst'), 0, pushedTo(first), pushedTo(second));
  await first.stop();
  const outcome = await (await client('reader', first.pull, second.pull)).run('pull', 'hello.bst');
  assertOutcome(outcome, 0, says.remoteRefused('Connection refused'), pulledFrom(second));
});

async function twoSites(t: TestContext) {
  const folder = await temporaryFolder(t);
  const project = await bstProject(join(folder, 'project'), { hello: { files: { 'hello.txt': contents } } });
  const client = (name: string, ...remotes: Remote[]): Promise<BstClient> =>
    bstClient(join(folder, name), project, remotes);
  return { first: await startSite(t), second: await startSite(t), client };
}

function pushedTo(site: Site): RegExp {
  return new RegExp(`INFO +Pushed artifact \\w+ -> ${site.push.url}\\s`);
}

function pulledFrom(site: Site): RegExp {
  return new RegExp(`INFO +Pulled artifact \\w+ <- ${site.pull.url}\\s`);
}
