// BuildStream projects made on the fly: import elements over local files, which build without a sandbox.
import { createCipheriv, createHash } from 'node:crypto';
import { chmod, lstat, mkdir, readdir, readFile, readlink, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

export type Content = string | Uint8Array;
type Entry = Content | { executable: Content } | { symlinkTo: string } | { emptyFolder: true };

export interface ElementFiles {
  /** Path below the element -> what is there. */
  files: Record<string, Entry>;
  /** Elements that have to be built first. */
  buildDepends?: string[];
}

/**
 * Writes a project with an import element for each entry (`name` becomes `name.bst`); returns its folder.
 * It is for the generation of BuildStream that is named.
 */
export async function bstProject(
  folder: string,
  elements: Record<string, ElementFiles>,
  generation: 1 | 2 = 1,
): Promise<string> {
  await mkdir(join(folder, 'elements'), { recursive: true });
  const version = generation === 2 ? 'min-version: 2.0\n' : '';
  await writeFile(join(folder, 'project.conf'), `name: demo\n${version}element-path: elements\n`);
  for (const [name, element] of Object.entries(elements)) await writeElement(folder, name, element);
  return folder;
}

/** Writes one element again, or for the first time. */
async function writeElement(project: string, name: string, element: ElementFiles): Promise<void> {
  const sources = join(project, 'files', name);
  const depends = (element.buildDepends ?? []).map((other) => `- filename: ${other}.bst\n  type: build\n`);
  await writeFile(
    join(project, 'elements', `${name}.bst`),
    `kind: import\nsources:\n- kind: local\n  path: files/${name}\n` +
      (depends.length === 0 ? '' : `depends:\n${depends.join('')}`),
  );
  await writeEntries(sources, element.files);
}

/** Writes files below a folder. */
export async function writeEntries(folder: string, entries: ElementFiles['files']): Promise<void> {
  for (const [path, entry] of Object.entries(entries)) await writeEntry(join(folder, path), entry);
}

async function writeEntry(path: string, entry: Entry): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  if (typeof entry === 'string' || entry instanceof Uint8Array) {
    await writeFile(path, entry);
  } else if ('emptyFolder' in entry) {
    await mkdir(path);
  } else if ('symlinkTo' in entry) {
    await symlink(entry.symlinkTo, path);
  } else {
    await writeFile(path, entry.executable);
    await chmod(path, 0o755);
  }
}

/** The same `size` bytes for the same name, that no compression or coincidence makes smaller. */
export function pseudoRandomBytes(name: string, size: number): Uint8Array {
  const key = createHash('sha256').update(name).digest();
  return createCipheriv('aes-256-ctr', key, Buffer.alloc(16)).update(Buffer.alloc(size));
}

/** What is below a folder, as sentences that can be compared: kind, executable bit, contents or target. */
export async function describeTree(folder: string, prefix = ''): Promise<Record<string, string>> {
  const tree: Record<string, string> = {};
  for (const name of (await readdir(folder)).sort()) {
    const path = join(folder, name);
    const stats = await lstat(path);
    if (stats.isDirectory()) {
      tree[`${prefix}${name}/`] = 'folder';
      Object.assign(tree, await describeTree(path, `${prefix}${name}/`));
    } else if (stats.isSymbolicLink()) {
      tree[`${prefix}${name}`] = `link to ${await readlink(path)}`;
    } else {
      const hash = createHash('sha256')
        .update(await readFile(path))
        .digest('hex');
      tree[`${prefix}${name}`] = `${(stats.mode & 0o100) === 0 ? 'file' : 'program'} ${hash}`;
    }
  }
  return tree;
}
