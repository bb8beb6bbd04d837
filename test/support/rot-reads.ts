import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { zstdDecompressSync } from 'node:zlib';
import { ClientError } from 'nice-grpc';
import {
  Compressor_Value,
  Directory,
} from '../../src/gen/build/bazel/remote/execution/v2/remote_execution.ts';
import { digestFunctionOf } from './action-samples.ts';
import { ask } from './http-cache.ts';
import type { Stored } from './rot-corpus.ts';
import type { Weir } from './weir.ts';
import { type Clients, clientsAt, read } from './wire.ts';

/** Somebody who reads from a server, by every way there is. */
export interface Reader {
  readonly clients: Clients;
  readonly volume: string;
  readonly role: 'pull' | 'push';
  /** A request of the HTTP protocol for a blob's path. */
  get(stored: Stored, method: string, headers?: Record<string, string>): ReturnType<typeof ask>;
}

/** The bytes that a way gave, and which they ought to be; undefined bytes for a way that refused or broke off. */
interface Delivery {
  readonly bytes: Buffer | undefined;
  readonly expected: Buffer;
}

type Way = (reader: Reader, stored: Stored) => Promise<Delivery | undefined>;

/** What fits into a batch. */
const mostInBatch = 3_900_000;
/** What a proxy says that can send files itself. */
const accelPrefix = '/volume/';

/** A reader by the sockets of a server's listener. */
export function readerAt(weir: Weir, role: 'pull' | 'push'): Reader & { close(): void } {
  const clients = clientsAt(role === 'pull' ? weir.pullAddress : weir.pushAddress);
  const socketPath = join(weir.socketsDir, `${role}-http.sock`);
  return {
    clients,
    volume: weir.volume,
    role,
    get: ({ blob, hashing }, method, headers = {}) =>
      ask(method, `http://weir/cas/${hashing === 'blake3' ? 'blake3/' : ''}${blob.digest.hash}`, {
        socketPath,
        headers,
      }),
    close: () => clients.close(),
  };
}

/** `blobs/<hash>/<size>` with the name of the digest function where there has to be one. */
export function blobsName({ blob: { digest }, hashing }: Stored): string {
  return `blobs/${hashing === 'blake3' ? 'blake3/' : ''}${digest.hash}/${digest.sizeBytes}`;
}

function middle({ blob: { data } }: Stored): { start: number; end: number } {
  const start = Math.floor(data.length / 3);
  return { start, end: Math.min(data.length, start + Math.ceil(data.length / 3)) };
}

async function batch({ clients }: Reader, stored: Stored, zstd: boolean): Promise<Delivery | undefined> {
  const { blob, hashing } = stored;
  if (blob.data.length > mostInBatch) return undefined;
  const { responses } = await clients.cas.batchReadBlobs({
    instanceName: '',
    digests: [blob.digest],
    acceptableCompressors: zstd ? [Compressor_Value.ZSTD] : [],
    digestFunction: digestFunctionOf(hashing),
  });
  const [answer] = responses;
  const data = Buffer.from(answer?.data ?? []);
  const bytes = answer?.compressor === Compressor_Value.ZSTD ? zstdDecompressSync(data) : data;
  return { bytes: answer?.status?.code === 0 ? bytes : undefined, expected: Buffer.from(blob.data) };
}

async function got(reader: Reader, stored: Stored, headers: Record<string, string>): Promise<Delivery> {
  const answer = await reader.get(stored, 'GET', headers);
  const { start, end } = middle(stored);
  const isPart = answer.status === 206;
  const expected = Buffer.from(isPart ? stored.blob.data.subarray(start, end) : stored.blob.data);
  if (answer.status !== 200 && !isPart) return { bytes: undefined, expected };
  const handedOver = answer.headers['x-accel-redirect'];
  // The proxy sends the file as it is.
  if (typeof handedOver === 'string')
    return { bytes: await readFile(join(reader.volume, handedOver.slice(accelPrefix.length))), expected };
  const isZstd = answer.headers['content-encoding'] === 'zstd';
  return { bytes: isZstd ? zstdDecompressSync(answer.body) : answer.body, expected };
}

/** All ways to a blob's bytes. */
export const ways = {
  Read: async ({ clients }, stored) => ({
    bytes: await read(clients, blobsName(stored)),
    expected: Buffer.from(stored.blob.data),
  }),
  'Read, a part': async ({ clients }, stored) => {
    const { start, end } = middle(stored);
    if (end === start) return undefined;
    const bytes = await read(clients, blobsName(stored), BigInt(start), BigInt(end - start));
    return { bytes, expected: Buffer.from(stored.blob.data.subarray(start, end)) };
  },
  'Read, zstd': async ({ clients }, stored) => {
    const bytes = await read(clients, blobsName(stored).replace('blobs/', 'compressed-blobs/zstd/'));
    return { bytes: zstdDecompressSync(bytes), expected: Buffer.from(stored.blob.data) };
  },
  BatchReadBlobs: (reader, stored) => batch(reader, stored, false),
  'BatchReadBlobs, zstd': (reader, stored) => batch(reader, stored, true),
  GetTree: async ({ clients }, { blob, hashing, isDirectory }) => {
    if (!isDirectory) return undefined;
    const digestFunction = digestFunctionOf(hashing);
    const request = { instanceName: '', rootDigest: blob.digest, pageSize: 0, pageToken: '', digestFunction };
    for await (const { directories } of clients.cas.getTree(request)) {
      const [directory] = directories;
      if (directory === undefined) break;
      const bytes = Buffer.from(Directory.encode(directory).finish());
      return { bytes, expected: Buffer.from(blob.data) };
    }
    return { bytes: undefined, expected: Buffer.from(blob.data) };
  },
  SplitBlob: async ({ clients, role }, stored) => {
    const { blob, hashing } = stored;
    // Who pulls is given the chunkings that there are, made when the blob was in order.
    if (role === 'pull' || blob.data.length <= mostInBatch / 4) return undefined;
    const { chunkDigests } = await clients.cas.splitBlob({
      instanceName: '',
      blobDigest: blob.digest,
      digestFunction: digestFunctionOf(hashing),
      chunkingFunction: 0,
    });
    const chunks = [];
    for (const digest of chunkDigests) {
      const chunk = { blob: { digest, data: Buffer.of() }, hashing, isDirectory: false };
      chunks.push(await read(clients, blobsName(chunk)));
    }
    return { bytes: Buffer.concat(chunks), expected: Buffer.from(blob.data) };
  },
  GET: (reader, stored) => got(reader, stored, {}),
  'GET, zstd': (reader, stored) => got(reader, stored, { 'accept-encoding': 'zstd' }),
  'GET, a part': (reader, stored) => {
    const { start, end } = middle(stored);
    return got(reader, stored, end === start ? {} : { range: `bytes=${start}-${end - 1}` });
  },
  'GET, sent by the proxy': (reader, stored) => got(reader, stored, { 'x-weir-accel': accelPrefix }),
  HEAD: async (reader, stored) => {
    const { status } = await reader.get(stored, 'HEAD');
    const expected = Buffer.from(stored.blob.data);
    return { bytes: status === 200 ? expected : undefined, expected };
  },
} satisfies Readonly<Record<string, Way>>;

/** How a reading ended. `corrupt`: all of an answer, and not the right one. */
export type Verdict = 'right' | 'corrupt' | 'refused' | 'not tried';

/** Reads a blob in one of the ways. */
export async function readBy(way: Way, reader: Reader, stored: Stored): Promise<Verdict> {
  try {
    const delivery = await way(reader, stored);
    if (delivery === undefined) return 'not tried';
    if (delivery.bytes === undefined) return 'refused';
    return delivery.bytes.equals(delivery.expected) ? 'right' : 'corrupt';
  } catch (error) {
    // An HTTP answer that is cut off has no status to tell it by.
    const isCut = error instanceof Error && 'code' in error && error.code === 'ECONNRESET';
    if (isCut || error instanceof ClientError) return 'refused';
    throw error;
  }
}
