// Whatever an artifact holds comes back as it was.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import type { TestContext } from 'node:test';

import { bstClient } from '../support/bst.ts';
import { assertOutcome, says } from '../support/bst-outcome.ts';
import { bstProject, describeTree, pseudoRandomBytes } from '../support/bst-project.ts';
import type { ElementFiles } from '../support/bst-project.ts';
import { startSite, temporaryFolder } from '../support/bst-site.ts';
import { testWith } from '../support/real-parts.ts';

const behaviour = testWith('buildstream', 'nginx');
const mebibyte = 1024 * 1024;

behaviour('19. files of 9 MB, of exactly 1 MiB and of one byte less come back as they were', async (t) => {
  // 1 MiB is where the client goes over from batches to streams; a batch may be exactly that large.
  const sizes = [9_000_000, mebibyte, mebibyte - 1, mebibyte + 1];
  const files = sizes.map((size) => [`${size}.bin`, pseudoRandomBytes(`${size}`, size)]);
  await assertRoundTrip(t, Object.fromEntries(files));
});

behaviour(
  '20. the executable bit, symlinks, empty files and empty folders come back as they were',
  async (t) => {
    await assertRoundTrip(t, {
      'bin/run': { executable: '#!/bin/sh\nexit 0\n' },
      'bin/run-too': { symlinkTo: 'run' },
      'share/missing': { symlinkTo: '../nowhere' },
      'share/absolute': { symlinkTo: '/etc/hostname' },
      'share/empty.txt': '',
      'var/empty': { emptyFolder: true },
      'share/ünïcödé name.txt': 'a name beyond ASCII, with a space\n',
    });
  },
);

behaviour('21. an artifact of 10,000 files comes back as it was', async (t) => {
  const names = Array.from({ length: 10_000 }, (_, index) => `${index % 100}/${index}.txt`);
  await assertRoundTrip(t, Object.fromEntries(names.map((name) => [name, `${name}\n`])));
});

/** One user pushes an element with these files, another pulls it and finds the same. */
async function assertRoundTrip(t: TestContext, files: ElementFiles['files']): Promise<void> {
  const site = await startSite(t);
  const folder = await temporaryFolder(t);
  const project = await bstProject(join(folder, 'project'), { things: { files } });
  const builder = await bstClient(join(folder, 'builder'), project, [site.push]);
  assertOutcome(await builder.run('build', 'things.bst'), 0, says.pushed);
  const reader = await bstClient(join(folder, 'reader'), project, [site.pull]);
  assertOutcome(await reader.run('pull', 'things.bst'), 0, says.pulled);
  const tree = await describeTree(await reader.checkout('things.bst'));
  assert.deepEqual(tree, await describeTree(await builder.checkout('things.bst')));
  // Not compared: links, since `bst checkout` makes absolute ones relative.
  const isNoLink = ([, what]: [string, string]): boolean => !what.startsWith('link');
  const original = await describeTree(join(project, 'files', 'things'));
  assert.ok(Object.keys(original).length >= Object.keys(files).length);
  assert.deepEqual(Object.entries(tree).filter(isNoLink), Object.entries(original).filter(isNoLink));
}
