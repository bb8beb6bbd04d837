import { readFile, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { ListFile } from './authorized-list.ts';
import type { RevocationFile } from './revocation-lists.ts';
import { serverFiles } from './server-pair.ts';

/** The seed's name for the list of those who may push: certificates one after the other. */
export const listFileName = 'authorized.crt';
/** The same as a folder: one file per user, easier for configuration management. */
export const listFolderName = 'authorized';

/** Certificates of authorities, whose signatures count, and their lists of revoked certificates. */
const authoritiesFolderName = 'authorities';
/** Who may push what. */
export const permissionsFileName = 'permissions';

/** What the certificates' folder holds, unparsed. */
export interface FolderContents {
  serverCertificate: string | undefined;
  serverKey: string | undefined;
  lists: ListFile[];
  authorities: ListFile[];
  revocations: RevocationFile[];
  permissions: string | undefined;
}

/**
 * Reads the folder. A file that does not exist is left out; one that cannot be read rejects, since going on
 * without it would take everyone's permission away.
 */
export async function readCertificateFolder(folder: string): Promise<FolderContents> {
  const [serverCertificate, serverKey, list, permissions] = await Promise.all([
    readIfThere(join(folder, serverFiles.certificate)),
    readIfThere(join(folder, serverFiles.key)),
    readIfThere(join(folder, listFileName)),
    readIfThere(join(folder, permissionsFileName)),
  ]);
  const lists = list === undefined ? [] : [{ name: listFileName, text: list }];
  for (const { name, bytes } of await filesIn(folder, listFolderName, '.crt'))
    lists.push({ name, text: bytes.toString() });
  const authorities = await filesIn(folder, authoritiesFolderName, '.crt');
  return {
    serverCertificate,
    serverKey,
    lists,
    authorities: authorities.map(({ name, bytes }) => ({ name, text: bytes.toString() })),
    revocations: await filesIn(folder, authoritiesFolderName, '.crl'),
    permissions,
  };
}

/** Nothing can be done in a folder that is not there; whoever watches it may wait for it instead. */
export async function expectFolder(folder: string): Promise<void> {
  const found = await unlessMissing(stat(folder), undefined);
  if (found?.isDirectory() !== true) throw noFolder(folder);
}

export function noFolder(folder: string): Error {
  return new Error(
    `there is no folder ${folder}: --dir says where the certificates are, and weir certs init makes it`,
  );
}

/** Contents of a text file; undefined when there is none. */
export async function readIfThere(path: string): Promise<string | undefined> {
  return await unlessMissing(readFile(path, 'utf8'), undefined);
}

/** The files of a folder in the folder, sorted; hidden ones are somebody's who has not finished. */
async function filesIn(folder: string, inside: string, ending: string): Promise<RevocationFile[]> {
  const names = await unlessMissing(readdir(join(folder, inside)), []);
  const files: RevocationFile[] = [];
  for (const name of names.filter((name) => name.endsWith(ending) && !name.startsWith('.')).sort()) {
    const bytes = await unlessMissing(readFile(join(folder, inside, name)), undefined);
    if (bytes !== undefined) files.push({ name: `${inside}/${name}`, bytes });
  }
  return files;
}

async function unlessMissing<T, U>(reading: Promise<T>, otherwise: U): Promise<T | U> {
  try {
    return await reading;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return otherwise;
    throw error;
  }
}
