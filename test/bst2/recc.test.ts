// recc compiles through the cache: what one compiled nobody compiles again.
import assert from 'node:assert/strict';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';

import { startSite, temporaryFolder } from '../support/bst-site.ts';
import { blobPath, damage } from '../support/bst-volume.ts';
import { compile, compileAs, recc } from '../support/buildbox.ts';
import { asWritten } from '../support/client-pages.ts';
import { testWith } from '../support/real-parts.ts';

const behaviour = testWith('buildbox', 'nginx');

behaviour('what one user compiled is taken from the cache by another, without a certificate', async (t) => {
  const site = await startSite(t);
  const { sources } = await yard(t);
  const first = await sources('first');
  const pushing = asWritten('recc', 'Push with a certificate', { site });
  assertCompiled(await compileAs(first, pushing), recc.miss, recc.stored);

  const second = await sources('second');
  assertCompiled(await compileAs(second, asWritten('recc', 'Pull only', { site })), recc.hit);
  assert.deepEqual(await readFile(join(second, 'answer.o')), await readFile(join(first, 'answer.o')));
});

behaviour('a changed header is another action', async (t) => {
  const site = await startSite(t);
  const { sources } = await yard(t);
  assertCompiled(await compile(await sources('first'), site.push), recc.stored);
  assertCompiled(await compile(await sources('second', 43), site.push), recc.miss, recc.stored);
});

behaviour('through the pull port a compilation succeeds, and stores nothing', async (t) => {
  const site = await startSite(t);
  const { sources } = await yard(t);
  const outcome = await compile(await sources('first'), site.pull);
  assertCompiled(outcome, recc.miss, /this port is for pulling only/);
  assert.doesNotMatch(outcome.output, recc.stored);
  assertCompiled(await compile(await sources('second'), site.pull), recc.miss);
});

behaviour('an instance sees no actions of another', async (t) => {
  const site = await startSite(t);
  const { sources } = await yard(t);
  const instance = (instanceName: string) => ({ ...site.push, instanceName });
  assertCompiled(await compile(await sources('first'), instance('team/a')), recc.miss, recc.stored);
  assertCompiled(await compile(await sources('second'), instance('team/b')), recc.miss, recc.stored);
  assertCompiled(await compile(await sources('third'), instance('team/a')), recc.hit);
});

behaviour('an action whose output is lost is compiled again, and that heals it', async (t) => {
  const site = await startSite(t);
  const { sources } = await yard(t);
  const first = await sources('first');
  assertCompiled(await compile(first, site.push), recc.stored);
  await damage.lose(blobPath(site.volume, await readFile(join(first, 'answer.o'))));

  assertCompiled(await compile(await sources('second'), site.pull), recc.miss);
  assertCompiled(await compile(await sources('third'), site.push), recc.miss, recc.stored);
  assertCompiled(await compile(await sources('fourth'), site.pull), recc.hit);
});

/** Folders with a source file that returns a number. */
async function yard(t: TestContext) {
  const folder = await temporaryFolder(t);
  const sources = async (name: string, answer = 42): Promise<string> => {
    const path = join(folder, name);
    await mkdir(path);
    await writeFile(join(path, 'value.h'), `int value = ${answer};\n`);
    await writeFile(join(path, 'answer.c'), '#include "value.h"\nint answer(void) { return value; }\n');
    return path;
  };
  return { sources };
}

function assertCompiled({ code, output }: { code: number; output: string }, ...sentences: RegExp[]): void {
  assert.equal(code, 0, output);
  for (const sentence of sentences) assert.match(output, sentence);
}
