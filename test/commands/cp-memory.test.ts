// weir cp holds what is under way, and not what is copied.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type CopyReport, copySite, peakMemory, startCopy } from '../support/cp.ts';
import { directoryBlob } from '../support/trees.ts';
import { type Blob, blobOf, putBatch, randomBlob, uploadName, write } from '../support/wire.ts';

const key = 'project/element/key';

void test('memory does not grow with what is copied: 10,000 small blobs and large ones', async (t) => {
  const [from, to] = [await copySite(t), await copySite(t)];
  const folders: Record<string, Blob> = {};
  let count = 0;
  for (let folder = 0; folder < 50; folder++) {
    const files = Array.from({ length: 200 }, () => blobOf(`the small file ${count++} of a large tree`));
    const directory = directoryBlob(Object.fromEntries(files.map((blob, index) => [`file${index}`, blob])));
    await putBatch(from.push, [...files, directory]);
    folders[`folder${folder}`] = directory;
  }
  const large = Array.from({ length: 4 }, () => randomBlob(40_000_000));
  for (const blob of large) await write(from.push, uploadName(blob), blob.data);
  const root = directoryBlob(
    Object.fromEntries(large.map((blob, index) => [`large${index}`, blob])),
    folders,
  );
  await putBatch(from.push, [root]);
  await from.push.references.updateReference({ instanceName: '', keys: [key], digest: root.digest });
  for (const source of [from.pullUrl, from.weir.volume]) {
    const target = source === from.pullUrl ? to : await copySite(t);
    const { child, ended } = startCopy(t, [source, target.pushUrl, key, '--json']);
    const peak = await peakMemory(child, ended);
    const { code, out } = await ended;
    assert.equal(code, 0, out);
    const report = JSON.parse(out) as CopyReport;
    assert.equal(report.blobs.sent, 10_000 + 50 + 4 + 1);
    t.diagnostic(`${(peak / 1e6).toFixed(0)} MB at most for ${(report.sentBytes / 1e6).toFixed(0)} MB`);
    // All blobs together have 161 MB; Node itself takes 90.
    assert.ok(peak > 0 && peak < 320e6, `${peak} bytes`);
    const { digest } = await target.pull.references.getReference({ instanceName: '', key });
    assert.equal(digest?.hash, root.digest.hash);
  }
});
