// Pushing what is there already, pushing at the same time, and pushing to a server that dies.
import assert from 'node:assert/strict';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import { bstClient } from '../support/bst.ts';
import { assertOutcome, says } from '../support/bst-outcome.ts';
import { bstProject, describeTree, pseudoRandomBytes } from '../support/bst-project.ts';
import type { ElementFiles } from '../support/bst-project.ts';
import { startSite, temporaryFolder } from '../support/bst-site.ts';
import { assertBlobsWhole, references } from '../support/bst-volume.ts';
import { testWith } from '../support/real-parts.ts';

const behaviour = testWith('buildstream', 'nginx');
const mebibyte = 1024 * 1024;

behaviour('11. pushing an artifact again is skipped, whoever does it', async (t) => {
  const { site, client, user } = await siteAndUser(t, { things: { files: { 'a.txt': 'a\n' } } });
  assertOutcome(await client.run('build', 'things.bst'), 0, says.pushed);
  assertOutcome(await client.run('push', 'things.bst'), 0, says.alreadyCached, says.pushSkipped);

  const other = await user('other', []);
  assertOutcome(await other.run('build', 'things.bst'), 0, says.built);
  await other.useRemotes([site.push]);
  assertOutcome(await other.run('push', 'things.bst'), 0, says.alreadyCached, says.pushSkipped);
});

behaviour('22. four clients push the same artifacts at once, and all of them arrive whole', async (t) => {
  const names = ['one', 'two', 'three'];
  const elements = names.map((name) => [
    name,
    {
      files: {
        // The same in all three; one that takes long enough for uploads to meet; and many for the batches.
        'shared.bin': pseudoRandomBytes('shared', 2 * mebibyte),
        'own.bin': pseudoRandomBytes(name, 24 * mebibyte),
        ...Object.fromEntries(
          Array.from({ length: 200 }, (_, index) => [`${index}.txt`, `${name} ${index}\n`]),
        ),
      },
    },
  ]);
  const { site, user } = await siteAndUser(t, Object.fromEntries(elements));
  const files = names.map((name) => `${name}.bst`);
  const clients = await Promise.all(['a', 'b', 'c', 'd'].map((name) => user(name, [])));
  for (const client of clients) {
    assertOutcome(await client.run('build', ...files), 0, says.built);
    await client.useRemotes([site.push]);
  }

  const outcomes = await Promise.all(clients.map((client) => client.run('push', ...files)));
  for (const outcome of outcomes) assertOutcome(outcome, 0, /Push Queue: .*failed 0/);
  assert.ok(outcomes.some(({ output }) => says.pushed.test(output)));

  assert.equal((await references(site.volume)).length, names.length);
  await assertBlobsWhole(site.volume);
  const reader = await user('reader', [site.pull]);
  assertOutcome(await reader.run('pull', ...files), 0, /Pull Queue: +processed 3, skipped 0, failed 0/);
});

behaviour('23. after the server is killed in mid-push and started again, the retry succeeds', async (t) => {
  const files = { 'large.bin': pseudoRandomBytes('large', 300 * mebibyte), 'small.txt': 'small\n' };
  const { site, client, user, project } = await siteAndUser(t, { things: { files } });
  await client.useRemotes([]);
  assertOutcome(await client.run('build', 'things.bst'), 0, says.built);
  await client.useRemotes([site.push]);

  const pushing = client.run('push', 'things.bst');
  await uploadUnderWay(site.volume);
  await site.crash();
  await assertBlobsWhole(site.volume);
  assert.deepEqual(await references(site.volume), [], 'a reference was there before what it names');
  const started = performance.now();
  await site.restart();
  const milliseconds = Math.round(performance.now() - started);
  t.diagnostic(`ready again ${milliseconds} ms after it was started`);
  // What is promised is 2 s; a machine that runs other tests meanwhile gets more.
  assert.ok(milliseconds < 10_000, `restart took ${milliseconds} ms`);

  // The client's own tries may have succeeded with the new process or not; the next one has to.
  t.diagnostic(`the interrupted push ended with ${(await pushing).code}`);
  assertOutcome(await client.run('push', 'things.bst'), 0);
  await assertBlobsWhole(site.volume);
  const reader = await user('reader', [site.pull]);
  assertOutcome(await reader.run('pull', 'things.bst'), 0, says.pulled);
  assert.deepEqual(
    await describeTree(await reader.checkout('things.bst')),
    await describeTree(join(project, 'files', 'things')),
  );
});

async function siteAndUser(t: TestContext, elements: Record<string, ElementFiles>) {
  const site = await startSite(t);
  const folder = await temporaryFolder(t);
  const project = await bstProject(join(folder, 'project'), elements);
  const user = (name: string, remotes = [site.push]) => bstClient(join(folder, name), project, remotes);
  return { site, project, user, client: await user('client') };
}

/** Resolves as soon as some of an upload is on the volume; far too little for all of it. */
async function uploadUnderWay(volume: string): Promise<void> {
  const folder = join(volume, 'tmp');
  for (let tries = 0; tries < 6000; tries += 1) {
    const names = await readdir(folder, { recursive: true }).catch(() => []);
    const sizes = await Promise.all(names.map((name) => stat(join(folder, name)).catch(() => undefined)));
    if (sizes.some((stats) => stats?.isFile() === true && stats.size > mebibyte)) return;
    await sleep(5);
  }
  throw new Error('no upload began');
}
