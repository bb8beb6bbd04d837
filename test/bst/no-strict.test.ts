// --no-strict: artifacts are also found by their weak key, which leaves out what is in the dependencies.
import { join } from 'node:path';

import { bstClient } from '../support/bst.ts';
import { assertOutcome, says } from '../support/bst-outcome.ts';
import { bstProject } from '../support/bst-project.ts';
import { startSite, temporaryFolder } from '../support/bst-site.ts';
import { testWith } from '../support/real-parts.ts';

const behaviour = testWith('buildstream', 'nginx');

behaviour('26. with --no-strict an artifact is pulled although a dependency has changed', async (t) => {
  const site = await startSite(t);
  const folder = await temporaryFolder(t);
  const app = { files: { 'app.txt': 'app\n' }, buildDepends: ['base'] };
  const before = await bstProject(join(folder, 'before'), {
    app,
    base: { files: { 'base.txt': 'before\n' } },
  });
  const after = await bstProject(join(folder, 'after'), { app, base: { files: { 'base.txt': 'after\n' } } });

  const builder = await bstClient(join(folder, 'builder'), before, [site.push]);
  assertOutcome(await builder.run('build', 'app.bst'), 0, says.pushed, /Push Queue: +processed 2/);

  const loose = await bstClient(join(folder, 'loose'), after, [site.pull]);
  // First asked for by its strong key, which nobody has pushed; then by the weak one.
  assertOutcome(
    await loose.run('--no-strict', 'build', 'app.bst'),
    0,
    says.notCached,
    says.pulled,
    says.nothingBuilt,
  );

  const strict = await bstClient(join(folder, 'strict'), after, [site.pull]);
  assertOutcome(await strict.run('build', 'app.bst'), 0, says.notCached, /Build Queue: +processed 2/);
});

behaviour('26. what --no-strict built on top of a pulled artifact can be pushed and pulled', async (t) => {
  const site = await startSite(t);
  const folder = await temporaryFolder(t);
  const app = { files: { 'app.txt': 'app\n' }, buildDepends: ['base'] };
  const base = { files: { 'base.txt': 'base\n' } };
  const project = await bstProject(join(folder, 'project'), { app, base });
  const loose = await bstClient(join(folder, 'loose'), project, [site.push]);
  assertOutcome(await loose.run('--no-strict', 'build', 'app.bst'), 0, says.built, says.pushed);
  const strict = await bstClient(join(folder, 'strict'), project, [site.pull]);
  assertOutcome(await strict.run('build', 'app.bst'), 0, says.pulled, says.nothingBuilt);
});
