import { access, constants, readFile, readdir } from 'node:fs/promises';
import { resolve } from 'node:path';
import { ConfigError, readConfig } from '../config/config.ts';
import { CacheError } from '../core/cache-error.ts';
import type { Clock } from '../core/clock.ts';
import type { CopySource, CopyTarget } from '../copying/copy-ends.ts';
import { type RetryRules, usualPauses } from '../copying/bounded-retries.ts';
import { connectTo, isServerUrl, type ServerConnection } from '../copying/server-connection.ts';
import { serverSource } from '../copying/server-source.ts';
import { serverTarget } from '../copying/server-target.ts';
import { volumeSource } from '../copying/volume-source.ts';
import { lookedAtVolume, volumeTarget, type VolumeTargetOptions } from '../copying/volume-target.ts';
import { type Layout, layoutOf } from '../store/layout.ts';
import { expectCache } from '../store/volume-check.ts';
import { winstonLogger } from '../telemetry/logger.ts';

/** Files that open a server's door; all but the first pair are optional in any combination. */
export interface DoorFiles {
  readonly clientKey?: string | undefined;
  readonly clientCert?: string | undefined;
  readonly serverCert?: string | undefined;
  readonly tokenFile?: string | undefined;
}

/** Where names come from. */
export interface OpenedSource {
  readonly source: CopySource;
  /** Of a directory, whose names can be listed; undefined for a server, which by its protocol cannot be asked for them. */
  readonly layout: Layout | undefined;
}

/** Rejects with 'invalid-argument' for what can be no source, and with 'unavailable' when a server does not answer. */
export async function openSource(
  from: string,
  files: DoorFiles,
  retries: number,
  clock: Clock,
  signal: AbortSignal,
): Promise<OpenedSource> {
  if (isServerUrl(from))
    return { source: serverSource(await connect(from, files, retries, signal)), layout: undefined };
  expectNoFiles(from, files);
  const layout = layoutOf(resolve(from));
  await expectCache(layout).catch((error: unknown) => {
    throw new CacheError('invalid-argument', error instanceof Error ? error.message : String(error), {
      cause: error,
    });
  });
  return { source: volumeSource(layout, clock), layout };
}

/** The same for where they go. A directory is made when it is not there, but for a dry run. */
export async function openTarget(
  to: string,
  files: DoorFiles,
  { retries, dryRun }: { retries: number; dryRun: boolean },
  clock: Clock,
  signal: AbortSignal,
): Promise<CopyTarget> {
  if (isServerUrl(to)) return serverTarget(await connect(to, files, retries, signal));
  expectNoFiles(to, files);
  const layout = layoutOf(resolve(to));
  await expectCacheOrNothing(layout);
  if (dryRun) return lookedAtVolume(layout, clock);
  const logger = winstonLogger({ level: 'warn', format: 'auto' });
  return await volumeTarget({ root: layout.root, ...settingsOfServers() }, clock, logger);
}

/** Where servers have settings by the environment, the copy beside them has the same. */
function settingsOfServers(): Omit<VolumeTargetOptions, 'root'> {
  try {
    const { headRoomMin, headRoomMax, leaseSeconds } = readConfig(process.env);
    return { headRoomMin, headRoomMax, leaseMs: leaseSeconds * 1000 };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    throw new CacheError('invalid-argument', `these settings cannot be used\n${error.message}`, {
      cause: error,
    });
  }
}

async function connect(
  url: string,
  files: DoorFiles,
  tries: number,
  signal: AbortSignal,
): Promise<ServerConnection> {
  const { clientKey, clientCert, serverCert, tokenFile } = files;
  if ((clientKey === undefined) !== (clientCert === undefined))
    throw new CacheError('invalid-argument', 'a client key and a client certificate are needed together');
  const rules: RetryRules = { tries, ...usualPauses };
  const [key, certificate, serverCertificate, token] = await Promise.all(
    [clientKey, clientCert, serverCert, tokenFile].map(read),
  );
  const client = key && certificate && { key, certificate };
  return await connectTo(
    { url, serverCertificate, client, token: token?.toString('utf8').trim(), retries: rules },
    signal,
  );
}

async function read(path: string | undefined): Promise<Buffer | undefined> {
  return path === undefined ? undefined : await readFile(path).catch(cannotBeRead(path));
}

/** Rejects with 'invalid-argument' for a file that is not there, or not for us. */
export async function expectReadable(path: string): Promise<void> {
  await access(path, constants.R_OK).catch(cannotBeRead(path));
}

function cannotBeRead(path: string): (error: unknown) => never {
  return (error) => {
    const reason = error instanceof Error ? error.message : String(error);
    throw new CacheError('invalid-argument', `${path} cannot be read: ${reason}`, { cause: error });
  };
}

function expectNoFiles(directory: string, files: DoorFiles): void {
  if (Object.values(files).some((file) => file !== undefined))
    throw new CacheError('invalid-argument', `${directory} is a directory: keys and tokens are for servers`);
}

/** A wrong word must not turn somebody's home into a cache. */
async function expectCacheOrNothing(layout: Layout): Promise<void> {
  const names: string[] = await readdir(layout.root).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw new CacheError('invalid-argument', `${layout.root} cannot be used: ${error.message}`, {
      cause: error,
    });
  });
  const isNew = names.every((name) => name === 'lost+found');
  if (!isNew && !names.includes('cas'))
    throw new CacheError(
      'invalid-argument',
      `${layout.root} is no cache, and not empty: give a cache, or a new directory`,
    );
}
