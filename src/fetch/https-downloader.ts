import { lookup } from 'node:dns/promises';
import type { BlobIntakes } from '../core/blob-intake.ts';
import { CacheError } from '../core/cache-error.ts';
import { digestText } from '../core/digest.ts';
import type { Downloaded, Downloader, DownloadRequest } from '../core/downloader.ts';
import type { Logger } from '../core/observer.ts';
import { slots } from '../core/slots.ts';
import { addressRules } from './address-rules.ts';
import { allowedHosts } from './allowed-hosts.ts';
import { deadline } from './deadline.ts';
import type { Resolve } from './destination.ts';
import { type FetchSite, fromSource } from './one-source.ts';
import { sharedWork } from './shared-work.ts';

/** Settings of a downloader. */
export interface DownloaderOptions {
  /** Hosts that may be fetched from, as allowedHosts has them. */
  readonly hosts: readonly string[];
  /** Private networks that such hosts may be in. */
  readonly privateNetworks: readonly string[];
  /** Most bytes of one download. */
  readonly maxBytes: number;
  /** Most milliseconds of one download, waiting for a place included. */
  readonly timeoutMs: number;
  /** Most milliseconds without a byte; 30 s without it. */
  readonly idleMs?: number;
  /** Most downloads at once; the others wait. 4 without it. */
  readonly atOnce?: number;
  /** What names mean; the system's resolver without it. */
  readonly resolve?: Resolve;
  /** PEM of the certificates to trust instead of Node's own list. */
  readonly authorities?: string;
}

const defaultIdleMs = 30_000;
const defaultAtOnce = 4;
/** Sources that one message names. */
const namedFailures = 5;

/** Fetches over https from listed hosts. */
export function httpsDownloader(
  options: DownloaderOptions,
  intakes: BlobIntakes,
  logger: Logger,
): Downloader {
  const site: FetchSite = {
    intakes,
    hosts: allowedHosts(options.hosts),
    addresses: addressRules(options.privateNetworks),
    resolve: options.resolve ?? systemResolver,
    maxBytes: options.maxBytes,
    idleMs: options.idleMs ?? defaultIdleMs,
    authorities: options.authorities,
  };
  const places = slots(options.atOnce ?? defaultAtOnce);
  const shared = sharedWork<Downloaded>();

  async function fetchOnce(request: DownloadRequest, nobodyWaits: AbortSignal): Promise<Downloaded> {
    const time = timeFor(options.timeoutMs);
    const signal = AbortSignal.any([nobodyWaits, time.signal]);
    try {
      const release = await places.take(signal);
      try {
        const downloaded = await fromAny(site, request, signal);
        logger.info('fetched a blob', {
          host: new URL(downloaded.uri).host,
          blob: digestText(downloaded.digest),
        });
        return downloaded;
      } finally {
        release();
      }
    } finally {
      time.stop();
    }
  }

  return {
    async download(request, signal) {
      const time = timeFor(Math.min(request.timeoutMs ?? options.timeoutMs, options.timeoutMs));
      try {
        return await shared.join(keyOf(request), AbortSignal.any([signal, time.signal]), (nobodyWaits) =>
          fetchOnce(request, nobodyWaits),
        );
      } finally {
        time.stop();
      }
    },
  };
}

/** Requests that differ only in how long they wait are one download. */
function keyOf({ sources, checksums, digestFunction }: DownloadRequest): string {
  return JSON.stringify([digestFunction, checksums, sources]);
}

function timeFor(milliseconds: number) {
  return deadline(milliseconds, `the download was not done within ${milliseconds / 1000} seconds`);
}

/** The first source that gives the content; where none does, what each of them said. */
async function fromAny(site: FetchSite, request: DownloadRequest, signal: AbortSignal): Promise<Downloaded> {
  const failures: CacheError[] = [];
  for (const source of request.sources) {
    try {
      return { uri: source.uri, digest: await fromSource(site, source, request, signal) };
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof CacheError)) throw error;
      failures.push(error);
      // The same content has the same size everywhere, and the volume is the same one too.
      if (error.kind === 'resource-exhausted') break;
    }
  }
  throw inOne(failures);
}

/** 'not-found' only where that is all there is to say. */
function inOne(failures: readonly CacheError[]): CacheError {
  const worst = failures.find(({ kind }) => kind !== 'not-found') ?? failures[0];
  const sentences = failures.slice(0, namedFailures).map(({ message }) => message);
  if (failures.length > namedFailures) sentences.push(`and ${failures.length - namedFailures} more`);
  const cause = failures.find((failure) => failure.cause !== undefined)?.cause;
  return new CacheError(
    worst?.kind ?? 'not-found',
    `the content could not be fetched: ${sentences.join('; ')}`,
    cause === undefined ? {} : { cause },
  );
}

const systemResolver: Resolve = async (hostname) => {
  const found = await lookup(hostname, { all: true });
  return found.map(({ address }) => address);
};
