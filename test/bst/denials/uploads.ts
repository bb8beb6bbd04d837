// Uploads that lie about what they bring.
import assert from 'node:assert/strict';
import { statfs, truncate } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';

import { Status } from 'nice-grpc';

import { blobPath } from '../../support/bst-volume.ts';
import {
  blobOf,
  downloadName,
  failure,
  findMissing,
  putBatch,
  randomBlob,
  read,
  uploadName,
} from '../../support/wire.ts';
import type { Blob, Clients } from '../../support/wire.ts';
import type { Denial } from './denial.ts';

const mebibyte = 1024 * 1024;

export const uploadDenials: Denial[] = [
  {
    name: 'a Write that claims more than there is room for evicts nothing',
    referenceFails: /a blob was evicted/,
    // Room for everything here, but not for what is claimed, whatever else happens on the disk meanwhile.
    setting: async () => ({ headRoom: Math.floor((await freeBytes()) * 0.9) }),
    async check({ push }) {
      const kept = blobOf('present means present\n');
      await putBatch(push, [kept]);
      const { digest, data } = randomBlob(1);
      const claimed = {
        digest: { ...digest, sizeBytes: BigInt(Math.floor((await freeBytes()) * 0.2)) },
        data,
      };
      const message = { resourceName: uploadName(claimed), writeOffset: 0n, finishWrite: true, data };
      const { status } = await failure(push.bytes.write(only(message)));
      assert.deepEqual(await findMissing(push, [kept.digest]), [], 'a blob was evicted');
      assert.equal(status, 'RESOURCE_EXHAUSTED');
    },
  },
  {
    name: 'Writes that hang keep no other call from being answered',
    referenceFails: /no answer/,
    async check({ push }) {
      const hanging = new AbortController();
      // The reference server has five threads for each processor, and each of these takes one.
      const writes = Array.from({ length: 5 * cpus().length + 2 }, () => hangingWrite(push, hanging.signal));
      await sleep(500);
      try {
        const signal = AbortSignal.timeout(5000);
        const answer = await push.capabilities
          .getCapabilities({ instanceName: '' }, { signal })
          .catch(() => undefined);
        assert.ok(answer, 'no answer');
      } finally {
        hanging.abort();
        await Promise.allSettled(writes);
      }
    },
  },
  {
    name: 'a wrong hash in a batch fails that blob alone',
    referenceFails: /UNKNOWN/,
    async check({ push }) {
      const good = blobOf('announced under its own hash\n');
      const wrong = { ...blobOf('something else'), data: Buffer.from('announced as something else\n') };
      const { responses } = await push.cas.batchUpdateBlobs(batch([good, wrong]));
      assert.deepEqual(
        responses.map(({ digest, status }) => [digest?.hash, status?.code]),
        [
          [good.digest.hash, 0],
          [wrong.digest.hash, Status.FAILED_PRECONDITION],
        ],
      );
      assert.deepEqual(await findMissing(push, [good.digest, wrong.digest]), [wrong.digest.hash]);
    },
  },
  {
    name: 'bytes that came under a wrong hash are not stored under their own',
    referenceFails: /they were stored/,
    async check({ push }) {
      const bytes = randomBlob(28);
      const wrong = { data: bytes.data, digest: { ...randomBlob(1).digest, sizeBytes: 28n } };
      await push.cas.batchUpdateBlobs(batch([wrong])).catch(() => undefined);
      assert.deepEqual(await findMissing(push, [bytes.digest]), [bytes.digest.hash], 'they were stored');
    },
  },
  {
    name: 'a batch beyond the limit is refused before any of it is stored',
    referenceFails: /a part was stored/,
    async check({ push }) {
      const { cacheCapabilities } = await push.capabilities.getCapabilities({ instanceName: '' });
      const small = blobOf('small\n');
      const large = randomBlob(Number(cacheCapabilities?.maxBatchTotalSizeBytes));
      const { status } = await failure(push.cas.batchUpdateBlobs(batch([small, large])));
      assert.deepEqual(await findMissing(push, [small.digest]), [small.digest.hash], 'a part was stored');
      assert.equal(status, 'INVALID_ARGUMENT');
    },
  },
  {
    name: 'a negative size makes no room for a larger batch',
    referenceFails: /5242875 bytes came/,
    async check({ push, pull }) {
      const blobs = Array.from({ length: 5 }, () => randomBlob(mebibyte - 1));
      for (const blob of blobs) await putBatch(push, [blob]);
      const negative = { hash: randomBlob(1).digest.hash, sizeBytes: BigInt(-100 * mebibyte) };
      const digests = [negative, ...blobs.map(({ digest }) => digest)];
      const request = { instanceName: '', digests, acceptableCompressors: [], digestFunction: 0 as const };
      const { responses } = await pull.cas.batchReadBlobs(request).catch(() => ({ responses: [] }));
      const bytes = responses.reduce((sum, { data }) => sum + data.length, 0);
      assert.equal(bytes, 0, `${bytes} bytes came`);
      assert.equal((await failure(pull.cas.batchReadBlobs(request))).status, 'INVALID_ARGUMENT');
    },
  },
  {
    name: 'a truncated blob is missing, and an upload repairs it',
    referenceFails: /it is not missing/,
    async check({ push, pull, volume }) {
      const blob = randomBlob(1000);
      await putBatch(push, [blob]);
      await truncate(blobPath(volume, blob.data), 999);
      assert.deepEqual(await findMissing(push, [blob.digest]), [blob.digest.hash], 'it is not missing');
      await putBatch(push, [blob]);
      assert.deepEqual(await read(pull, downloadName(blob)), Buffer.from(blob.data));
    },
  },
  {
    name: 'a Write that ends without finish_write is told how far it came',
    referenceFails: /UNKNOWN/,
    async check({ push }) {
      const blob = randomBlob(10);
      const data = blob.data.subarray(0, 5);
      const message = { resourceName: uploadName(blob), writeOffset: 0n, finishWrite: false, data };
      assert.ok((await push.bytes.write(only(message))).committedSize <= 5n);
      assert.deepEqual(await findMissing(push, [blob.digest]), [blob.digest.hash]);
    },
  },
];

function batch(blobs: Blob[]) {
  const requests = blobs.map(({ digest, data }) => ({ digest, data, compressor: 0 as const }));
  return { instanceName: '', requests, digestFunction: 0 as const };
}

async function* only<T>(message: T): AsyncGenerator<T> {
  yield message;
}

/** Sends the beginning of an upload, then nothing until the signal. */
async function hangingWrite(clients: Clients, signal: AbortSignal): Promise<void> {
  const blob = randomBlob(1000);
  async function* messages() {
    const data = blob.data.subarray(0, 10);
    yield { resourceName: uploadName(blob), writeOffset: 0n, finishWrite: false, data };
    await new Promise((resolve) => signal.addEventListener('abort', resolve));
  }
  await clients.bytes.write(messages(), { signal });
}

async function freeBytes(): Promise<number> {
  const { bavail, bsize } = await statfs(tmpdir());
  return bavail * bsize;
}
