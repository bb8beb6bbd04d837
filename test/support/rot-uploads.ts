import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { zstdCompressSync } from 'node:zlib';
import { Compressor_Value } from '../../src/gen/build/bazel/remote/execution/v2/remote_execution.ts';
import { digestFunctionOf } from './action-samples.ts';
import { splice } from './chunk-calls.ts';
import { ask } from './http-cache.ts';
import type { Stored } from './rot-corpus.ts';
import { blobsName } from './rot-reads.ts';
import type { Weir } from './weir.ts';
import { type Clients, write } from './wire.ts';
import { blobBy } from './action-samples.ts';

type Upload = (weir: Weir, clients: Clients, stored: Stored) => Promise<void>;

/** The longest blob that a batch takes. */
const mostInBatch = 3_900_000;

async function batch(
  clients: Clients,
  { blob, hashing }: Stored,
  compressor: Compressor_Value,
): Promise<void> {
  const data = compressor === Compressor_Value.ZSTD ? zstdCompressSync(blob.data) : blob.data;
  const { responses } = await clients.cas.batchUpdateBlobs({
    instanceName: '',
    requests: [{ digest: blob.digest, data, compressor }],
    digestFunction: digestFunctionOf(hashing),
  });
  for (const { status } of responses) if (status?.code) throw new Error(status.message);
}

async function put(weir: Weir, { blob, hashing }: Stored, chunked: boolean): Promise<void> {
  const url = `http://weir/cas/${hashing === 'blake3' ? 'blake3/' : ''}${blob.digest.hash}`;
  const socketPath = join(weir.socketsDir, 'push-http.sock');
  const headers: Record<string, string> = chunked ? { 'transfer-encoding': 'chunked' } : {};
  const { status, body } = await ask('PUT', url, { socketPath, headers, body: blob.data });
  if (status !== 200) throw new Error(`${status}: ${body.toString()}`);
}

/** All ways to store a blob. */
export const uploads = {
  BatchUpdateBlobs: (_weir, clients, stored) =>
    stored.blob.data.length > mostInBatch ? writeIt(clients, stored) : batch(clients, stored, 0),
  'BatchUpdateBlobs, zstd': (_weir, clients, stored) =>
    stored.blob.data.length > mostInBatch
      ? writeIt(clients, stored)
      : batch(clients, stored, Compressor_Value.ZSTD),
  Write: (_weir, clients, stored) => writeIt(clients, stored),
  PUT: (weir, _clients, stored) => put(weir, stored, false),
  'PUT, of any length': (weir, _clients, stored) => put(weir, stored, true),
  SpliceBlob: async (_weir, clients, stored) => {
    const { blob, hashing } = stored;
    if (blob.data.length < 2) return await writeIt(clients, stored);
    const at = Math.floor(blob.data.length / 2);
    const chunks = await Promise.all(
      [blob.data.subarray(0, at), blob.data.subarray(at)].map((data) => blobBy(hashing, data)),
    );
    for (const chunk of chunks) await batch(clients, { ...stored, blob: chunk }, 0);
    const digests = chunks.map(({ digest }) => digest);
    await splice(clients, blob.digest, digests, { digestFunction: digestFunctionOf(hashing) });
  },
} satisfies Readonly<Record<string, Upload>>;

async function writeIt(clients: Clients, stored: Stored): Promise<void> {
  await write(clients, `uploads/${randomUUID()}/${blobsName(stored)}`, stored.blob.data);
}
