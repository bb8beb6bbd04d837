import { createHash, randomBytes } from 'node:crypto';
import { chmod, chown, mkdir, readdir, readlink, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readIfThere } from './certificate-folder.ts';

// What nginx reads:
//
//   OUT/current -> 1795…-5f0c…-7a…        replaced in one step: nginx never sees half of a change, and a
//                                     watcher only has to look where the link points
//   OUT/1795…-5f0c…-7a…/server.crt        named by the time and a hash of the contents
//                  /server.key        0400
//                  /authorized.pem    what ssl_client_certificate loads
//                  /fingerprints.map  SHA-1 to SHA-256, of those who may push

/** Names of the files in a copy. */
export const copyFiles = {
  serverCertificate: 'server.crt',
  serverKey: 'server.key',
  authorized: 'authorized.pem',
  fingerprints: 'fingerprints.map',
} as const;

export type CopyContents = Record<keyof typeof copyFiles, string>;

/** Who gets to read the key. */
export interface Owner {
  uid: number;
  gid: number;
}

const link = 'current';

/** The copy in use; undefined when there is none, or not a whole one. */
export async function readCopy(out: string): Promise<CopyContents | undefined> {
  const read = async (file: string) => await readIfThere(join(out, link, file));
  const [serverCertificate, serverKey, authorized, fingerprints] = await Promise.all([
    read(copyFiles.serverCertificate),
    read(copyFiles.serverKey),
    read(copyFiles.authorized),
    read(copyFiles.fingerprints),
  ]);
  if (serverCertificate === undefined || serverKey === undefined) return undefined;
  if (authorized === undefined || fingerprints === undefined) return undefined;
  return { serverCertificate, serverKey, authorized, fingerprints };
}

/** Makes `contents` the copy in use, in one step; the one before it is kept for workers that still read it. */
export async function installCopy(out: string, contents: CopyContents, owner?: Owner): Promise<void> {
  const before = await currentName(out);
  const name = copyName(contents);
  const unfinished = join(out, `.${name}`);
  await mkdir(unfinished, { recursive: true });
  await chmod(unfinished, 0o755);
  const files = [
    { name: copyFiles.serverKey, text: contents.serverKey, mode: 0o400 },
    { name: copyFiles.serverCertificate, text: contents.serverCertificate, mode: 0o444 },
    { name: copyFiles.authorized, text: contents.authorized, mode: 0o444 },
    { name: copyFiles.fingerprints, text: contents.fingerprints, mode: 0o444 },
  ];
  for (const { name, text, mode } of files) {
    const path = join(unfinished, name);
    await writeFile(path, text, { mode });
    // The umask narrowed the mode given above.
    await chmod(path, mode);
    if (owner) await chown(path, owner.uid, owner.gid);
  }
  await rename(unfinished, join(out, name));
  const newLink = join(out, `.${name}.link`);
  await symlink(name, newLink);
  await rename(newLink, join(out, link));
  await removeCopies(out, [name, before]);
}

/** Which copy is in use; undefined when none is. */
export async function currentName(out: string): Promise<string | undefined> {
  return await readlink(join(out, link)).catch(() => undefined);
}

function copyName(contents: CopyContents): string {
  const hash = createHash('sha256').update(JSON.stringify(contents)).digest('hex');
  return `${Date.now()}-${hash.slice(0, 12)}-${randomBytes(3).toString('hex')}`;
}

const copyNamePattern = /^\.?(\d{13})-[0-9a-f]{12}-[0-9a-f]{6}(\.link)?$/;

/**
 * Earlier copies, and what an interrupted installation left; nothing else that may be in the folder. The last
 * minute's stay: another process may be about to point the link at one, or nginx be reading it.
 */
async function removeCopies(out: string, keep: readonly (string | undefined)[]): Promise<void> {
  for (const name of await readdir(out)) {
    const madeAt = Number(copyNamePattern.exec(name)?.[1] ?? Infinity);
    if (madeAt > Date.now() - 60_000 || keep.includes(name)) continue;
    await rm(join(out, name), { recursive: true, force: true });
  }
}
