import assert from 'node:assert/strict';
import { rm, stat, writeFile } from 'node:fs/promises';
import { describe, test } from 'node:test';
import { eventually } from '../support/eventually.ts';
import { looksAlways, served } from '../support/served.ts';
import { blobFile } from '../support/volume-damage.ts';
import type { Weir } from '../support/weir.ts';
import { type Blob, type Clients, findMissing, putBatch, randomBlob } from '../support/wire.ts';

// By default what rests is given without a look at its file, for a while: lease-memory.test.ts.
describe('a small blob that was read before, where each is looked at,', () => {
  let weir: Weir;
  let push: Clients;
  let pull: Clients;
  served((site) => ({ weir, push, pull } = site), looksAlways);

  async function readBatch(blobs: readonly Blob[]) {
    const digests = blobs.map(({ digest }) => digest);
    const request = { instanceName: '', digests, acceptableCompressors: [], digestFunction: 0 as const };
    const { responses } = await pull.cas.batchReadBlobs(request);
    return responses.map(({ data, status }) => (status?.code === 0 ? Buffer.from(data) : status?.code));
  }

  /** A file that has just come is not remembered. */
  async function readTwice(blobs: readonly Blob[]): Promise<void> {
    await putBatch(push, blobs);
    for (const blob of blobs)
      await eventually(async () => Date.now() - (await stat(blobFile(weir.volume, blob))).ctimeMs > 1500);
    const right = blobs.map(({ data }) => Buffer.from(data));
    assert.deepEqual(await readBatch(blobs), right);
    assert.deepEqual(await readBatch(blobs), right);
  }

  test('is not given out when its file is gone, or is another, or was written to', async () => {
    const [gone, replaced, changed, kept] = [10, 20, 30, 40].map(randomBlob) as [Blob, Blob, Blob, Blob];
    await readTwice([gone, replaced, changed, kept]);
    await rm(blobFile(weir.volume, gone));
    await rm(blobFile(weir.volume, replaced));
    await writeFile(blobFile(weir.volume, replaced), randomBlob(20).data);
    await writeFile(blobFile(weir.volume, changed), randomBlob(30).data);
    assert.deepEqual(await readBatch([gone, replaced, changed, kept]), [5, 5, 5, Buffer.from(kept.data)]);
    assert.deepEqual(await findMissing(push, [gone.digest, replaced.digest, changed.digest, kept.digest]), [
      gone.digest.hash,
      replaced.digest.hash,
      changed.digest.hash,
    ]);
    await putBatch(push, [gone, replaced, changed]);
    assert.deepEqual(
      await readBatch([gone, replaced, changed]),
      [gone, replaced, changed].map(({ data }) => Buffer.from(data)),
    );
  });
});
