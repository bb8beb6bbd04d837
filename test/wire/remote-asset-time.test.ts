import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  fetchBlob,
  fetchDirectory,
  freshUri,
  pushBlob,
  pushDirectory,
  secondsFromNow,
} from '../support/assets.ts';
import { eventually } from '../support/eventually.ts';
import { served } from '../support/served.ts';
import { sampleTree } from '../support/trees.ts';
import { type Clients, failure, putBatch, randomBlob } from '../support/wire.ts';

const hour = 3600;

describe('the time of an asset', () => {
  let push: Clients;
  let pull: Clients;
  served((site) => ({ push, pull } = site));

  const notFound = async (call: Promise<unknown>) => assert.equal((await failure(call)).status, 'NOT_FOUND');

  async function stored() {
    const blob = randomBlob(100);
    await putBatch(push, [blob]);
    return blob.digest;
  }

  test('to expire is given back as it was pushed', async () => {
    const [digest, uri, expireAt] = [await stored(), freshUri(), secondsFromNow(hour)];
    await pushBlob(push, [uri], digest, { expireAt });
    assert.deepEqual((await fetchBlob(pull, [uri])).expiresAt, expireAt);
    const [tree, directory] = [sampleTree(), freshUri()];
    await putBatch(push, tree.blobs);
    await pushDirectory(push, [directory], tree.root.digest, { expireAt });
    assert.deepEqual((await fetchDirectory(pull, [directory])).expiresAt, expireAt);
  });

  test('to expire is the end of the lease where none was pushed', async () => {
    const [digest, uri] = [await stored(), freshUri()];
    await pushBlob(push, [uri], digest);
    const before = Math.floor(Date.now() / 1000);
    const { expiresAt } = await fetchBlob(pull, [uri]);
    const after = Math.ceil(Date.now() / 1000);
    const seconds = Number(expiresAt?.seconds);
    assert.ok(seconds >= before + hour && seconds <= after + hour, `${seconds - before} seconds`);
  });

  test('to expire ends it, and pushing it again brings it back', async () => {
    const [digest, uri] = [await stored(), freshUri()];
    await pushBlob(push, [uri], digest, { expireAt: secondsFromNow(-1) });
    await notFound(fetchBlob(pull, [uri]));
    await pushBlob(push, [uri], digest, { expireAt: secondsFromNow(2) });
    await eventually(
      async () => (await failure(fetchBlob(pull, [uri])).catch(() => undefined)) !== undefined,
    );
    await notFound(fetchBlob(pull, [uri]));
    await pushBlob(push, [uri], digest);
    await fetchBlob(pull, [uri]);
  });

  test('it was pushed at must not be before the oldest content that is accepted', async () => {
    const [old, fresh, uri] = [await stored(), await stored(), freshUri()];
    await pushBlob(push, [uri], old);
    for (const ago of [-60, -10 * hour]) {
      await fetchBlob(pull, [uri], { oldestContentAccepted: secondsFromNow(ago) });
    }
    await notFound(fetchBlob(pull, [uri], { oldestContentAccepted: secondsFromNow(hour) }));
    await fetchBlob(pull, [uri]);

    // A later push of the same name is newer content.
    const between = timestampNow();
    await eventually(() => timestampNow().nanos !== between.nanos);
    const later = timestampNow();
    await notFound(fetchBlob(pull, [uri], { oldestContentAccepted: later }));
    await pushBlob(push, [uri], fresh);
    const answer = await fetchBlob(pull, [uri], { oldestContentAccepted: later });
    assert.deepEqual(answer.blobDigest, fresh);
  });

  test('has to be one', async () => {
    const [digest, uri] = [await stored(), freshUri()];
    const times = [
      { seconds: 0n, nanos: -1 },
      { seconds: 0n, nanos: 1_000_000_000 },
      { seconds: 253_402_300_800n, nanos: 0 },
      { seconds: -62_135_596_801n, nanos: 0 },
      { seconds: 2n ** 63n - 1n, nanos: 0 },
    ];
    for (const time of times) {
      for (const call of [
        () => pushBlob(push, [uri], digest, { expireAt: time }),
        () => fetchBlob(pull, [uri], { oldestContentAccepted: time }),
      ]) {
        const { status, message } = await failure(call());
        assert.equal(status, 'INVALID_ARGUMENT');
        assert.match(message, /is no time of the years 1 to 9999/);
      }
    }
  });
});

function timestampNow() {
  const now = Date.now();
  return { seconds: BigInt(Math.floor(now / 1000)), nanos: (now % 1000) * 1_000_000 };
}
