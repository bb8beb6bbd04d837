import { pipeline } from 'node:stream/promises';
import type { BlobReading, BlobStore } from '../core/blob-store.ts';
import type { Digest } from '../core/digest.ts';
import type { Observer } from '../core/observer.ts';
import { zstdCompressed } from '../core/zstd.ts';
import { acceptsZstd } from './encodings.ts';
import type { Exchange } from './exchange.ts';
import { type ByteRange, parseRange } from './ranges.ts';

/** Name of the protocol among the services that metrics count bytes of. */
export const serviceName = 'HTTP';

/** Less than this is not worth a compressor. Bytes. */
const compressedFrom = 1024;

/** What sending needs of the server. */
export interface Sending {
  readonly blobs: BlobStore;
  readonly observer: Observer;
  /** Called once it is known that the blob will be sent. */
  readonly onFound: () => void;
}

/**
 * Answers GET and HEAD with a blob that was found. Rejects with 'not-found' before anything was sent when it is
 * damaged; when that shows later, the connection is cut before the last bytes.
 */
export async function sendBlob(exchange: Exchange, digest: Digest, sending: Sending): Promise<void> {
  const { request, response } = exchange;
  const etag = `"${digest.hash}"`;
  const headers = {
    'content-type': 'application/octet-stream',
    'x-content-type-options': 'nosniff',
    'accept-ranges': 'bytes',
    etag,
    vary: 'accept-encoding',
  };
  if (request.method === 'HEAD') {
    await sending.blobs.verify(digest);
    sending.onFound();
    response.writeHead(200, { ...headers, 'content-length': digest.sizeBytes }).end();
    return;
  }
  // A part of something else than the client has already is of no use to it.
  const ifRange = request.headers['if-range'];
  const range = ifRange === undefined || ifRange === etag ? rangeOf(exchange, digest) : undefined;
  if (range === undefined && digest.sizeBytes >= compressedFrom && acceptsZstd(acceptEncoding(exchange))) {
    return await sendCompressed(exchange, digest, headers, sending);
  }
  if (await handOver(exchange, digest, range, headers, sending)) return;
  await sendPlain(exchange, digest, range, headers, sending);
}

type Headers = Record<string, string>;

function acceptEncoding({ request }: Exchange): string | undefined {
  const value = request.headers['accept-encoding'];
  return Array.isArray(value) ? value.join(',') : value;
}

function rangeOf({ request, response }: Exchange, { sizeBytes }: Digest): ByteRange | undefined {
  try {
    return parseRange(request.headers.range, sizeBytes);
  } catch (error) {
    response.setHeader('content-range', `bytes */${sizeBytes}`);
    throw error;
  }
}

/** Lets the proxy send the file itself. False where it cannot, or where the bytes have to be looked at on the way. */
async function handOver(
  { accelPrefix, response, listener }: Exchange,
  digest: Digest,
  range: ByteRange | undefined,
  headers: Headers,
  { blobs, observer, onFound }: Sending,
): Promise<boolean> {
  if (accelPrefix === undefined) return false;
  // Of a part nobody can tell whether it is right: the whole is looked at first, once.
  if (range !== undefined) await blobs.verify(digest);
  const path = await blobs.fileFor(digest);
  if (path === undefined) return false;
  onFound();
  const { 'accept-ranges': _its, ...others } = headers;
  response.writeHead(200, { ...others, 'x-accel-redirect': accelPrefix + path, 'content-length': 0 }).end();
  observer.sent(serviceName, listener, range?.length ?? digest.sizeBytes);
  return true;
}

async function sendPlain(
  exchange: Exchange,
  digest: Digest,
  range: ByteRange | undefined,
  headers: Headers,
  { blobs, observer, onFound }: Sending,
): Promise<void> {
  const { offset, length } = range ?? { offset: 0, length: digest.sizeBytes };
  const reading = await blobs.read(digest, offset, length);
  onFound();
  exchange.response.writeHead(range === undefined ? 200 : 206, {
    ...headers,
    'content-length': length,
    ...(range && { 'content-range': `bytes ${offset}-${offset + length - 1}/${digest.sizeBytes}` }),
  });
  await sendAll(exchange, reading, reading, observer);
}

async function sendCompressed(
  exchange: Exchange,
  digest: Digest,
  headers: Headers,
  { blobs, observer, onFound }: Sending,
): Promise<void> {
  const reading = await blobs.read(digest, 0, digest.sizeBytes);
  onFound();
  const { etag: _ofPlainBytes, 'accept-ranges': _none, ...others } = headers;
  exchange.response.writeHead(200, { ...others, 'content-encoding': 'zstd' });
  await sendAll(exchange, reading, copied(zstdCompressed(reading.reusing(), exchange.signal)), observer);
}

/** For a stream, which keeps more than one. */
async function* copied(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  for await (const chunk of chunks) yield Buffer.from(chunk);
}

async function sendAll(
  { response, listener }: Exchange,
  reading: BlobReading,
  chunks: AsyncIterable<Uint8Array>,
  observer: Observer,
): Promise<void> {
  try {
    await pipeline(async function* () {
      for await (const chunk of chunks) {
        yield chunk;
        observer.sent(serviceName, listener, chunk.length);
      }
    }, response);
  } finally {
    // A client that was gone before the first chunk has left it open.
    await reading.close();
  }
}
