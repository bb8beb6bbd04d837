import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { BlobIntake, BlobIntakes } from '../core/blob-intake.ts';
import { CacheError } from '../core/cache-error.ts';
import { type Digest, quote } from '../core/digest.ts';
import type { DownloadRequest, DownloadSource } from '../core/downloader.ts';
import { announcedBytes, redirectOf, tooLarge } from './answers.ts';
import { type Deadline, deadline } from './deadline.ts';
import { checkedDestination, type DestinationRules } from './destination.ts';
import { httpsGet } from './https-get.ts';
import { unlessAborted } from './unless-aborted.ts';

/** What a download goes by, whatever is downloaded. */
export interface FetchSite extends DestinationRules {
  readonly intakes: BlobIntakes;
  readonly maxBytes: number;
  /** Most milliseconds without a byte. */
  readonly idleMs: number;
  /** PEM of the certificates to trust instead of Node's own list. */
  readonly authorities: string | undefined;
}

const maxRedirects = 5;

/** Gets the content from one source. Rejects as Downloader does. */
export async function fromSource(
  site: FetchSite,
  source: DownloadSource,
  request: DownloadRequest,
  signal: AbortSignal,
): Promise<Digest> {
  const idle = deadline(site.idleMs, `nothing came for ${site.idleMs / 1000} seconds`);
  const either = AbortSignal.any([signal, idle.signal]);
  try {
    const { response, host } = await answerOf(site, source, idle, either);
    try {
      return await taken(site, response, host, request, idle);
    } finally {
      response.destroy();
    }
  } catch (error) {
    if (either.aborted) throw either.reason;
    if (error instanceof CacheError) throw error;
    throw new CacheError('unavailable', `getting ${quote(source.uri)} failed (${codeOf(error)})`, {
      cause: error,
    });
  } finally {
    idle.stop();
  }
}

/** Follows redirects, each of which has to lead to a place that is allowed. */
async function answerOf(
  site: FetchSite,
  { uri, headers }: DownloadSource,
  idle: Deadline,
  signal: AbortSignal,
): Promise<{ response: IncomingMessage; host: string }> {
  // The resolver takes no signal.
  const first = await unlessAborted(checkedDestination(uri, undefined, site), signal);
  let next = first;
  for (let redirected = 0; redirected <= maxRedirects; redirected++) {
    const { url } = next;
    // Headers are for the host that the client named; another one has no business to see them.
    const response = await httpsGet(
      next,
      url.host === first.url.host ? headers : {},
      site.authorities,
      signal,
    );
    idle.restart();
    const location = redirectOf(response);
    if (location === undefined) return { response, host: url.host };
    response.destroy();
    next = await unlessAborted(redirectTarget(location, url, site), signal);
  }
  throw new CacheError('failed-precondition', `${quote(uri)} redirects more than ${maxRedirects} times`);
}

async function redirectTarget(location: string, from: URL, site: FetchSite) {
  try {
    return await checkedDestination(location, from, site);
  } catch (error) {
    if (!(error instanceof CacheError)) throw error;
    throw new CacheError(error.kind, `${quote(from.host)} redirects, but ${error.message}`, {
      cause: error.cause,
    });
  }
}

async function taken(
  site: FetchSite,
  response: IncomingMessage,
  host: string,
  request: DownloadRequest,
  idle: Deadline,
): Promise<Digest> {
  const { checksums, digestFunction } = request;
  const announced = announcedBytes(response, host, site.maxBytes, checksums.length > 0);
  const intake = await site.intakes.begin(digestFunction, announced);
  try {
    const algorithm = checksums[0]?.algorithm;
    // Where both are the same function, the intake's hash is the checksum.
    const hasher =
      algorithm === undefined || algorithm === digestFunction ? undefined : createHash(algorithm);
    const received = await writeAll(response, intake, idle, (chunk, total) => {
      if (total > site.maxBytes) throw tooLarge(host, site.maxBytes);
      hasher?.update(chunk);
    });
    if (announced !== undefined && received !== announced) {
      throw new CacheError(
        'unavailable',
        `${quote(host)} sent ${received} of the ${announced} bytes it announced`,
      );
    }
    const digest = await intake.seal();
    const hash = hasher?.digest('hex') ?? digest.hash;
    if (checksums.length > 0 && !checksums.some((checksum) => checksum.hash === hash)) {
      throw new CacheError(
        'digest-mismatch',
        `what ${quote(host)} sent has the ${algorithm} checksum ${hash}, not ${checksums[0]?.hash}; nothing was stored`,
      );
    }
    await intake.publish();
    return digest;
  } finally {
    await intake.abandon();
  }
}

/** Waiting for the volume is not the source's time. */
async function writeAll(
  response: IncomingMessage,
  intake: BlobIntake,
  idle: Deadline,
  look: (chunk: Buffer, total: number) => void,
): Promise<number> {
  let received = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    idle.stop();
    received += chunk.length;
    look(chunk, received);
    await intake.write(chunk);
    idle.restart();
  }
  idle.stop();
  return received;
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'no reason given';
}
