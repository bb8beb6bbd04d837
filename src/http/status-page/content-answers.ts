import type { IncomingMessage, ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';
import type { Browser, TreeEntry, TreePlace } from '../../core/browsing.ts';
import { CacheError } from '../../core/cache-error.ts';
import type { Digest } from '../../core/digest.ts';
import { HttpRefusal } from '../cache-status.ts';
import { contentHeaders } from './page-answers.ts';
import { mostViewedBytes } from './tree-page.ts';

/** Answers with the text of a file, and never as anything but plain text. Rejects before it has sent anything. */
export async function sendView(
  browser: Browser,
  place: TreePlace,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { digest } = fileOf(place);
  if (digest.sizeBytes > mostViewedBytes)
    throw new HttpRefusal(
      413,
      `this file is larger than ${mostViewedBytes} bytes, which are shown at most: download it`,
    );
  const bytes = await wholeOf(browser, digest);
  // A byte that no text has: what is binary would only look broken.
  if (bytes.includes(0)) throw new HttpRefusal(415, 'this file is no text: download it');
  response.writeHead(200, {
    ...contentHeaders,
    'content-type': 'text/plain; charset=utf-8',
    'content-length': bytes.length,
  });
  response.end(request.method === 'HEAD' ? undefined : bytes);
}

/** Streams a file as a download. Its last bytes are held back until all are known to be right; a damaged one ends early. */
export async function sendDownload(
  browser: Browser,
  place: TreePlace,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { digest, name } = fileOf(place);
  const reading = await browser.read(digest);
  response.writeHead(200, {
    ...contentHeaders,
    'content-type': 'application/octet-stream',
    'content-length': digest.sizeBytes,
    'content-disposition': dispositionOf(name),
  });
  if (request.method === 'HEAD') {
    await reading.close();
    response.end();
    return;
  }
  await pipeline(reading, response);
}

function fileOf(place: TreePlace): TreeEntry & { digest: Digest } {
  if (place.type !== 'file') throw new HttpRefusal(400, 'this is a folder: its files can be had one by one');
  const { file } = place;
  const { digest } = file;
  if (digest === undefined)
    throw new HttpRefusal(400, 'this is a symbolic link, which has no content of its own');
  if (file.presence !== 'present')
    throw new CacheError(
      'not-found',
      'the blob of this file is not here; the next push of it heals the cache',
    );
  return { ...file, digest };
}

async function wholeOf(browser: Browser, digest: Digest): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of await browser.read(digest)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** The name for old clients is ASCII; the other form has it whole (RFC 6266). */
function dispositionOf(name: string): string {
  const plain = name.replaceAll(/[^\w.+ -]/g, '_').slice(0, 150) || 'file';
  const encoded = encodeURIComponent(name.toWellFormed()).replaceAll(
    /['()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return `attachment; filename="${plain}"; filename*=UTF-8''${encoded}`;
}
