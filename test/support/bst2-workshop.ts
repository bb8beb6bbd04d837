import { join } from 'node:path';
import type { TestContext } from 'node:test';

import { bstProject } from './bst-project.ts';
import type { ElementFiles } from './bst-project.ts';
import { temporaryFolder } from './bst-site.ts';
import { bst2Client } from './bst2.ts';
import type { Bst2Client, Caches } from './bst2.ts';

export interface Workshop {
  project: string;
  /** A folder that is there for the length of the test. */
  folder: string;
  /** Somebody with this project, and with a home and a cache of their own. */
  user(name: string, caches: Caches): Promise<Bst2Client>;
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
