import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { ListFile } from './authorized-list.ts';
import { serverFiles } from './server-pair.ts';

/** The seed's name for the list of those who may push: certificates one after the other. */
export const listFileName = 'authorized.crt';
/** The same as a folder: one file per user, easier for configuration management. */
const listFolderName = 'authorized';

/** What the certificates' folder holds, unparsed. */
export interface FolderContents {
  serverCertificate: string | undefined;
  serverKey: string | undefined;
  lists: ListFile[];
}

/**
 * Reads the folder. A file that does not exist is left out; one that cannot be read rejects, since going on
 * without it would take everyone's permission away.
 */
export async function readCertificateFolder(folder: string): Promise<FolderContents> {
  const [serverCertificate, serverKey, list, names] = await Promise.all([
    readIfThere(join(folder, serverFiles.certificate)),
    readIfThere(join(folder, serverFiles.key)),
    readIfThere(join(folder, listFileName)),
    namesIn(join(folder, listFolderName)),
  ]);
  const lists = list === undefined ? [] : [{ name: listFileName, text: list }];
  for (const name of names.filter((name) => name.endsWith('.crt')).sort()) {
    const text = await readIfThere(join(folder, listFolderName, name));
    if (text !== undefined) lists.push({ name: `${listFolderName}/${name}`, text });
  }
  return { serverCertificate, serverKey, lists };
}

/** Contents of a text file; undefined when there is none. */
export async function readIfThere(path: string): Promise<string | undefined> {
  return await unlessMissing(readFile(path, 'utf8'), undefined);
}

async function namesIn(folder: string): Promise<string[]> {
  return await unlessMissing(readdir(folder), []);
}

async function unlessMissing<T, U>(reading: Promise<T>, otherwise: U): Promise<T | U> {
  try {
    return await reading;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return otherwise;
    throw error;
  }
}
