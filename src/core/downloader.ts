import type { Checksum } from './checksum.ts';
import type { Digest } from './digest.ts';
import type { DigestFunction } from './digest-function.ts';

/** One place where the content may be had. */
export interface DownloadSource {
  /** As the client gave it; nothing about it is known yet. */
  readonly uri: string;
  /** For the host of this URI and no other; names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
}

/** Content that is wanted from elsewhere. */
export interface DownloadRequest {
  /** Tried one after the other. */
  readonly sources: readonly DownloadSource[];
  /** The content has to have one of these; any content will do when there are none. */
  readonly checksums: readonly Checksum[];
  /** What the blob's digest is computed by. */
  readonly digestFunction: DigestFunction;
  /** Milliseconds, waiting for others included; undefined for as long as the server allows. */
  readonly timeoutMs: number | undefined;
}

/** Content that is in the cache now. */
export interface Downloaded {
  /** The URI that it came from, as the request has it, whatever it redirected to. */
  readonly uri: string;
  readonly digest: Digest;
}

/** Gets content from elsewhere into the cache, from where the server's settings allow it. */
export interface Downloader {
  /**
   * Resolves when the blob is whole, verified and visible; leased. Equal requests at the same time are one
   * download. Rejects, leaving nothing behind, with
   * - 'not-found' when every source says so, or is no place that content may be had from
   * - 'digest-mismatch' when what came has another checksum
   * - 'resource-exhausted' when it is larger than may be fetched, or than the volume has room for
   * - 'permission-denied', 'failed-precondition' or 'unavailable' when a source does not give it
   * - the signal's reason when that aborts
   */
  download(request: DownloadRequest, signal: AbortSignal): Promise<Downloaded>;
}
