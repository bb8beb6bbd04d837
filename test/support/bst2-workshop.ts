import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';

import { bstProject, writeEntries } from './bst-project.ts';
import type { ElementFiles } from './bst-project.ts';
import { temporaryFolder } from './bst-site.ts';
import { bst2Client } from './bst2.ts';
import type { Bst2Client, Caches } from './bst2.ts';

export interface Workshop {
  project: string;
  /** A folder that is there for the length of the test. */
  folder: string;
  /** Somebody with this project, and with a home and a cache of their own. */
  readonly user: (name: string, caches: Caches) => Promise<Bst2Client>;
}

/** A project with the one element hello.bst, which imports these files, and the people who build it. */
export async function workshop(
  t: TestContext,
  files: ElementFiles['files'] = { 'share/hello.txt': 'hello\n' },
): Promise<Workshop> {
  const folder = await temporaryFolder(t);
  const project = await bstProject(join(folder, 'project'), { hello: { files } }, 2);
  return { project, folder, user: (name, caches) => bst2Client(join(folder, name), project, caches) };
}

export interface Release {
  /** Folder with the files that are in it. */
  contents: string;
  /** Upstream does not offer it any more. */
  vanish(): Promise<void>;
}

/**
 * Adds release.bst to a project, which imports a tar file that somebody else offers. Files of the project itself
 * are in every user's own cache before a pull begins; these are not, and have to come from somewhere.
 */
export async function upstreamRelease(
  { project, folder }: Workshop,
  files: ElementFiles['files'],
): Promise<Release> {
  const contents = join(folder, 'release-1');
  await writeEntries(contents, files);
  const upstream = join(folder, 'upstream');
  await mkdir(upstream);
  const archive = join(upstream, 'release-1.tar');
  const { status, stderr } = spawnSync('tar', ['-C', folder, '-cf', archive, 'release-1'], {
    encoding: 'utf8',
  });
  assert.equal(status, 0, stderr);
  const ref = createHash('sha256')
    .update(await readFile(archive))
    .digest('hex');
  const source = `- kind: tar\n  url: file://${archive}\n  ref: ${ref}\n`;
  await writeFile(join(project, 'elements', 'release.bst'), `kind: import\nsources:\n${source}`);
  return { contents, vanish: () => rm(upstream, { recursive: true }) };
}
