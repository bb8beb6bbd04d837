import { createHash } from 'node:crypto';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CacheError } from '../../src/core/cache-error.ts';
import type { Checksum } from '../../src/core/checksum.ts';
import type { Digest } from '../../src/core/digest.ts';
import type { Downloaded, Downloader, DownloadRequest } from '../../src/core/downloader.ts';
import { type DownloaderOptions, httpsDownloader } from '../../src/fetch/https-downloader.ts';
import type { SpaceLimits } from '../../src/store/space.ts';
import { openVolume, type Volume } from '../../src/store/volume.ts';
import { winstonLogger } from '../../src/telemetry/logger.ts';
import { prometheusMetrics } from '../../src/telemetry/metrics.ts';
import { type FileServer, startFileServer } from './file-server.ts';

/** A downloader in front of a volume, and a web server to fetch from. */
export interface FetchSite {
  readonly files: FileServer;
  readonly volume: Volume;
  /** `https://<host>:<port of the server><path>` */
  url(path: string, host?: string): string;
  /** Names mean loopback and the server's certificate is trusted, unless told otherwise. */
  downloader(options?: Partial<DownloaderOptions>): Downloader;
  /** The bytes of a blob as the volume has them. */
  bytesOf(digest: Digest): Promise<Buffer>;
  /** Names of files that are left in the volume's folder for temporary ones. */
  leftovers(): Promise<string[]>;
  /** How many blobs there are, that of no bytes not counted. */
  blobs(): Promise<number>;
  close(): Promise<void>;
}

const { observer } = prometheusMetrics('0.0.0');
const logger = winstonLogger({ level: 'error', format: 'json' });

export async function startFetchSite(limits: Partial<SpaceLimits> = {}): Promise<FetchSite> {
  const files = await startFileServer();
  const root = await mkdtemp(join(tmpdir(), 'weir-fetch-'));
  const volume = await openVolume(
    {
      root,
      indexOnly: false,
      leaseMs: 0,
      coalesceMs: 0,
      keepsUploads: false,
      remembersLeases: true,
      durability: 'strict',
      headRoomMin: 0,
      headRoomMax: 0,
      quotaBytes: undefined,
      ...limits,
    },
    Date.now,
    observer,
    logger,
  );
  return {
    files,
    volume,
    url: (path, host = 'files.test') => `https://${host}:${files.port}${path}`,
    downloader: (options = {}) =>
      httpsDownloader(
        {
          hosts: [`files.test:${files.port}`, `mirror.test:${files.port}`],
          privateNetworks: ['127.0.0.0/8'],
          maxBytes: 10_000_000,
          timeoutMs: 120_000,
          idleMs: 120_000,
          resolve: () => Promise.resolve(['127.0.0.1']),
          authorities: files.authorities,
          ...options,
        },
        volume.intakes,
        logger,
      ),
    bytesOf: async (digest) => Buffer.from(await volume.blobs.readWhole(digest)),
    leftovers: () => readdir(volume.layout.temporary),
    async blobs() {
      const found = await readdir(join(root, 'cas', 'objects'), { recursive: true, withFileTypes: true });
      return found.filter((entry) => entry.isFile()).length - 1;
    },
    async close() {
      await files.close();
      await rm(root, { recursive: true });
    },
  };
}

/** A request for one URI or several, without headers. */
export function wanted(
  uris: string | readonly string[],
  more: Partial<DownloadRequest> = {},
): DownloadRequest {
  const sources = [uris].flat().map((uri) => ({ uri, headers: {} }));
  return { sources, checksums: [], digestFunction: 'sha256', timeoutMs: undefined, ...more };
}

export function checksumOf(bytes: Uint8Array, algorithm: Checksum['algorithm'] = 'sha256'): Checksum {
  return { algorithm, hash: createHash(algorithm).update(bytes).digest('hex') };
}

/** How a download was refused. */
export async function refusalOf(download: Promise<Downloaded>): Promise<{ kind: string; message: string }> {
  const outcome = await download.catch((error: unknown) => error);
  if (outcome instanceof CacheError) return { kind: outcome.kind, message: outcome.message };
  throw new Error('the download was not refused in the words of the cache', { cause: outcome });
}

/** For a caller that never hangs up. */
export const patient = new AbortController().signal;
