// The small clients of BuildBox: recc, which compiles through a cache, and casupload and casdownload.
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { runBounded } from './bst-process.ts';
import type { Outcome } from './bst-process.ts';
import type { Remote2 } from './bst2.ts';
import { inSid } from './debian-sid.ts';

const longestRun = 120_000;

const compilation = ['/usr/bin/recc', '/usr/bin/gcc', '-c', 'answer.c', '-o', 'answer.o'];

/** Compiles answer.c of a folder to answer.o through a cache. */
export function compile(folder: string, remote: Remote2): Promise<Outcome> {
  const settings = {
    RECC_SERVER: remote.url,
    RECC_INSTANCE: remote.instanceName,
    RECC_SERVER_CERT: remote.serverCert,
    RECC_CLIENT_KEY: remote.clientKey,
    RECC_CLIENT_CERT: remote.clientCert,
    RECC_ACCESS_TOKEN_PATH: remote.accessToken,
    RECC_PROJECT_ROOT: folder,
    RECC_LOG_LEVEL: 'info',
    // Compile here what the cache does not have, and put it there.
    RECC_CACHE_ONLY: '1',
    RECC_CACHE_UPLOAD_LOCAL_BUILD: '1',
  };
  const given = Object.entries(settings).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return run(folder, compilation, Object.fromEntries(given));
}

/** The same, with what somebody writes into the folder's recc/recc.conf. */
export async function compileAs(folder: string, configuration: string): Promise<Outcome> {
  await mkdir(join(folder, 'recc'));
  await writeFile(join(folder, 'recc', 'recc.conf'), configuration);
  return run(folder, compilation, { RECC_LOG_LEVEL: 'info' });
}

// The words of recc.
export const recc = {
  hit: /Action Cache hit for/,
  miss: /Action not cached/,
  stored: /Action cache updated for/,
};

/** Uploads a folder; the name of its root is what `casDownload` takes. */
export async function casUpload(folder: string, remote: Remote2): Promise<Outcome & { root: string }> {
  const digestFile = join(folder, '..', 'uploaded-root');
  const flags = [...connection(remote), `--output-digest-file=${digestFile}`];
  const outcome = await run(folder, ['/usr/bin/casupload', ...flags, '.']);
  return { ...outcome, root: await readFile(digestFile, 'utf8').catch(() => '') };
}

/** Downloads what is below a root into a folder that is made for it. */
export function casDownload(folder: string, root: string, remote: Remote2): Promise<Outcome> {
  const flags = [...connection(remote), `--root-digest=${root}`, `--destination-dir=${folder}`];
  return run(join(folder, '..'), ['/usr/bin/casdownload', ...flags]);
}

function connection(remote: Remote2): string[] {
  const flags = {
    remote: remote.url,
    instance: remote.instanceName,
    'server-cert': remote.serverCert,
    'client-key': remote.clientKey,
    'client-cert': remote.clientCert,
    'access-token': remote.accessToken,
  };
  return Object.entries(flags).flatMap(([name, value]) =>
    value === undefined ? [] : [`--${name}=${value}`],
  );
}

function run(folder: string, command: string[], settings: Record<string, string> = {}): Promise<Outcome> {
  const [program, ...args] = inSid(folder, command);
  const env = { LANG: 'C.UTF-8', PATH: '/usr/bin:/bin:/usr/sbin:/sbin', ...settings };
  return runBounded(program, args, { cwd: folder, env, limit: longestRun });
}
