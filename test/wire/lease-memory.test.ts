import assert from 'node:assert/strict';
import { rm, writeFile } from 'node:fs/promises';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { eventually } from '../support/eventually.ts';
import { scraped } from '../support/scraped.ts';
import { type Served, served } from '../support/served.ts';
import { sampleTree } from '../support/trees.ts';
import { blobFile } from '../support/volume-damage.ts';
import {
  type Blob,
  downloadName,
  failure,
  findMissing,
  putBatch,
  randomBlob,
  read,
} from '../support/wire.ts';

const broken = 'weir_broken_promises_total';

/** Which of the blobs are not given in a batch; those that are have their bytes. */
async function missed({ pull }: Served, blobs: readonly Blob[]): Promise<string[]> {
  const { responses } = await pull.cas.batchReadBlobs({
    instanceName: '',
    digests: blobs.map(({ digest }) => digest),
    acceptableCompressors: [],
    digestFunction: 0,
  });
  for (const [index, { status, data }] of responses.entries())
    if (status?.code === 0) assert.deepEqual(data, blobs[index]?.data);
  return responses.filter(({ status }) => status?.code !== 0).map(({ digest }) => digest?.hash ?? '');
}

describe('what a server remembers of its promises', () => {
  let site: Served;
  served((it) => (site = it));

  const pathOf = (blob: Blob) => blobFile(site.weir.volume, blob);
  const absent = (blobs: readonly Blob[]) =>
    findMissing(
      site.pull,
      blobs.map(({ digest }) => digest),
    );
  const count = () => scraped(site.weir.opsUrl, broken);

  test('is kept to: no promise is broken by pushing and pulling', async () => {
    const tree = sampleTree();
    await putBatch(site.push, tree.blobs);
    for (let times = 0; times < 3; times++) {
      assert.deepEqual(await absent(tree.blobs), []);
      await site.push.references.updateReference({
        instanceName: '',
        keys: ['a/b/kept'],
        digest: tree.root.digest,
      });
      await site.pull.references.getReference({ instanceName: '', key: 'a/b/kept' });
      for (const blob of tree.blobs)
        assert.deepEqual(await read(site.pull, downloadName(blob)), Buffer.from(blob.data));
    }
    assert.equal(await count(), 0);
  });

  test('does not outlast a removal of everything by somebody else: it shows at once', async () => {
    const blobs = Array.from({ length: 20 }, () => randomBlob(100));
    await putBatch(site.push, blobs);
    for (let times = 0; times < 2; times++) assert.deepEqual(await absent(blobs), []);
    const before = await count();
    for (const blob of blobs) await rm(pathOf(blob));
    assert.equal((await absent(blobs)).length, blobs.length);
    assert.equal(await count(), before + 1);
    await putBatch(site.push, blobs);
    assert.deepEqual(await absent(blobs), []);
  });

  test('is good for the bytes of small blobs too, until reading them shows a removal', async () => {
    const blobs = Array.from({ length: 100 }, () => randomBlob(100));
    await putBatch(site.push, blobs);
    // What was written to just now is not kept in memory yet.
    await sleep(1500);
    for (let times = 0; times < 2; times++) assert.deepEqual(await missed(site, blobs), []);
    const [one = assert.fail(), ...others] = blobs;
    await rm(pathOf(one));
    // It is promised, and its bytes are right: nothing has to be looked for. A read looks now and then, so that may be seen.
    const before = await count();
    assert.ok((await missed(site, [one])).length <= (await count()) - before);
    for (const blob of others) await rm(pathOf(blob));
    assert.ok((await missed(site, blobs)).length > 0);
    assert.deepEqual(
      await missed(site, blobs),
      blobs.map(({ digest }) => digest.hash),
    );
    assert.equal(await count(), before + 1);
  });

  test('is about the blobs that were promised, and none that are called almost like them', async () => {
    const blob = randomBlob(100);
    await putBatch(site.push, [blob]);
    for (let times = 0; times < 2; times++) assert.deepEqual(await absent([blob]), []);
    const before = await count();
    const { hash } = blob.digest;
    for (let place = 0; place < hash.length; place++) {
      const other = hash[place] === '0' ? '1' : '0';
      const near = { ...blob.digest, hash: hash.slice(0, place) + other + hash.slice(place + 1) };
      assert.deepEqual(await findMissing(site.pull, [near]), [near.hash], `${place}`);
      assert.deepEqual(await missed(site, [{ ...blob, digest: near }]), [near.hash]);
    }
    assert.equal(await count(), before);
  });

  test('is forgotten wholly when one promised blob is not there to be read', async () => {
    const [tree, other] = [sampleTree(), sampleTree()];
    const lost = tree.files[0] ?? tree.root;
    await putBatch(site.push, [...tree.blobs, ...other.blobs]);
    for (const [key, { root }] of Object.entries({ 'a/b/lost': tree, 'a/b/other': other })) {
      await site.push.references.updateReference({ instanceName: '', keys: [key], digest: root.digest });
      for (let times = 0; times < 2; times++)
        await site.pull.references.getReference({ instanceName: '', key });
    }
    const before = await count();
    for (const blob of [lost, other.files[0] ?? other.root]) await rm(pathOf(blob));
    assert.equal((await failure(read(site.pull, downloadName(lost)))).status, 'NOT_FOUND');
    for (const key of ['a/b/lost', 'a/b/other'])
      assert.equal(
        (await failure(site.pull.references.getReference({ instanceName: '', key }))).status,
        'NOT_FOUND',
      );
    assert.equal(await count(), before + 1);
    assert.match(site.weir.output(), /a promised blob is gone/);
  });

  test('does not call a reference whole of which a blob was set aside', async () => {
    const tree = sampleTree();
    const damaged = tree.files[0] ?? tree.root;
    const reference = { instanceName: '', key: 'a/b/damaged' };
    await putBatch(site.push, tree.blobs);
    await site.push.references.updateReference({
      instanceName: '',
      keys: [reference.key],
      digest: tree.root.digest,
    });
    for (let times = 0; times < 2; times++) await site.pull.references.getReference(reference);
    const setAside = () => scraped(site.weir.opsUrl, 'weir_quarantined_blobs_total');
    const before = await setAside();
    await writeFile(pathOf(damaged), Buffer.alloc(damaged.data.length));
    assert.equal((await failure(read(site.pull, downloadName(damaged)))).status, 'NOT_FOUND');
    await eventually(async () => (await setAside()) > before);
    assert.equal((await failure(site.pull.references.getReference(reference))).status, 'NOT_FOUND');
  });

  test('does not count a damaged blob that was set aside as a broken promise', async () => {
    const blob = randomBlob(1000);
    await putBatch(site.push, [blob]);
    assert.deepEqual(await absent([blob]), []);
    const setAside = () => scraped(site.weir.opsUrl, 'weir_quarantined_blobs_total');
    const [before, asideBefore] = [await count(), await setAside()];
    await writeFile(pathOf(blob), randomBlob(1000).data);
    assert.equal((await failure(read(site.pull, downloadName(blob)))).status, 'NOT_FOUND');
    await eventually(async () => (await setAside()) > asideBefore);
    assert.equal((await absent([blob])).length, 1);
    assert.equal(await count(), before);
  });
});
