import { randomUUID } from 'node:crypto';
import type { BlobIntake, BlobIntakes } from '../core/blob-intake.ts';
import type { BlobStore } from '../core/blob-store.ts';
import { CacheError } from '../core/cache-error.ts';
import { type Digest, digestOf, quote } from '../core/digest.ts';
import type { Observer } from '../core/observer.ts';
import { expectMayUpload } from '../core/push-permissions.ts';
import { zstdDecompressed } from '../core/zstd.ts';
import type { CachePath } from './cache-path.ts';
import { HttpRefusal } from './cache-status.ts';
import { parseContentEncoding } from './encodings.ts';
import type { Exchange } from './exchange.ts';
import { announcedBytes, bodyOf, withoutBody } from './receive-body.ts';
import { sendBlob } from './send-blob.ts';

type BlobPath = Extract<CachePath, { space: 'cas' }>;

/** /cas: blobs by their hash. */
export function blobRequests(blobs: BlobStore, intakes: BlobIntakes, observer: Observer) {
  async function get(exchange: Exchange, { blob, name }: BlobPath): Promise<void> {
    const kind = exchange.request.method === 'HEAD' ? 'blob' : 'read';
    try {
      const digest = await blobs.find(name);
      if (digest === undefined) throw new CacheError('not-found', `the blob ${blob.hash} is not here`);
      const onFound = () => observer.lookedUp(kind, exchange.tool, 1, 0);
      await sendBlob(exchange, digest, { blobs, observer, onFound });
    } catch (error) {
      const missing = error instanceof CacheError && error.kind === 'not-found';
      if (missing && !exchange.response.headersSent) observer.lookedUp(kind, exchange.tool, 0, 1);
      throw error;
    }
  }

  async function put(exchange: Exchange, path: BlobPath): Promise<void> {
    expectMayUpload(exchange.scopes, path.instanceName);
    const encoding = encodingOf(exchange);
    const size = encoding === 'identity' ? announcedBytes(exchange) : undefined;
    const { digestFunction, hash } = path.blob;
    const digest = size === undefined ? undefined : digestOf(hash, size, digestFunction);
    if (await isHere(path, digest)) await withoutBody(exchange, observer);
    else if (digest !== undefined) await putAnnounced(exchange, digest);
    else await putUntilEnd(exchange, path, encoding === 'zstd');
    exchange.response.writeHead(200, { 'content-length': 0 }).end();
  }

  async function isHere({ name }: BlobPath, digest: Digest | undefined): Promise<boolean> {
    const sought = digest ?? (await blobs.find(name));
    return sought !== undefined && (await blobs.has(sought));
  }

  async function putAnnounced(exchange: Exchange, digest: Digest): Promise<void> {
    const upload = await blobs.openUpload(`http/${randomUUID()}`, digest, 0);
    try {
      for await (const chunk of bodyOf(exchange, observer)) await upload.write(chunk);
    } catch (error) {
      await upload.leave(false);
      throw error;
    }
    await upload.finish();
  }

  async function putUntilEnd(exchange: Exchange, { blob }: BlobPath, compressed: boolean): Promise<void> {
    const intake = await intakes.begin(blob.digestFunction, undefined);
    const body = bodyOf(exchange, observer);
    try {
      await receive(intake, compressed ? zstdDecompressed(body, exchange.signal) : body, (received) => {
        if (received.hash === blob.hash) return;
        const sentence = `the bytes sent have the hash ${received.hash}, not ${blob.hash}; nothing was stored`;
        throw new CacheError('digest-mismatch', sentence);
      });
    } catch (error) {
      if (error instanceof CacheError && error.kind === 'digest-mismatch') observer.uploadMismatched();
      throw error;
    }
  }

  return { get, put };
}

/** Takes in all of a body and resolves with what it is; leaves nothing of one that breaks off or that `check` throws at. */
export async function receive(
  intake: BlobIntake,
  body: AsyncIterable<Uint8Array>,
  check: (received: Digest) => void = () => {},
): Promise<Digest> {
  try {
    for await (const chunk of body) await intake.write(chunk);
    const digest = await intake.seal();
    check(digest);
    await intake.publish();
    return digest;
  } finally {
    await intake.abandon();
  }
}

function encodingOf({ request }: Exchange) {
  const header = request.headers['content-encoding'];
  const encoding = parseContentEncoding(header);
  if (encoding !== undefined) return encoding;
  throw new HttpRefusal(
    415,
    `the content encoding ${quote(header ?? '')} is not taken: send the bytes as they are, or with zstd`,
    { 'accept-encoding': 'zstd, identity' },
  );
}
