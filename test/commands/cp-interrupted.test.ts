// weir cp that is stopped or cut off: what was sent is not sent again.
import assert from 'node:assert/strict';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { copied, type CopyReport, copySite, startCopy } from '../support/cp.ts';
import { eventually } from '../support/eventually.ts';
import { scraped } from '../support/scraped.ts';
import { stallingProxy } from '../support/stalling-proxy.ts';
import { directoryBlob } from '../support/trees.ts';
import {
  type Blob,
  type Clients,
  findMissing,
  putBatch,
  randomBlob,
  read,
  downloadName,
  uploadName,
  write,
} from '../support/wire.ts';

const key = 'project/element/key';

/** Pushes a tree of these files under a key. */
async function pushTree(clients: Clients, name: string, files: readonly Blob[]): Promise<Blob> {
  for (let at = 0; at < files.length; at += 30) {
    const some = files.slice(at, at + 30);
    const small = some.filter(({ data }) => data.length <= 100_000);
    for (const blob of some) if (!small.includes(blob)) await write(clients, uploadName(blob), blob.data);
    await putBatch(clients, small);
  }
  const root = directoryBlob(Object.fromEntries(files.map((blob, index) => [`file${index}`, blob])));
  await putBatch(clients, [root]);
  const { digest } = root;
  await clients.references.updateReference({ instanceName: '', keys: [name], digest });
  return root;
}

function bytesOf(blobs: readonly Blob[]): number {
  return blobs.reduce((sum, { data }) => sum + data.length, 0);
}

void test('stopped by Ctrl-C it says so, and a later run sends only what is missing', async (t) => {
  const [from, to] = [await copySite(t), await copySite(t)];
  const files = Array.from({ length: 200 }, () => randomBlob(90_000));
  const root = await pushTree(from.push, key, files);
  const proxy = await stallingProxy(t, to.weir.pushAddress, { stallAfter: 6_000_000 });
  const first = startCopy(t, [from.weir.volume, `http://${proxy.address}`, '--json']);
  await proxy.stalled;
  first.child.kill('SIGINT');
  const { code, out, err } = await first.ended;
  assert.deepEqual({ code, err }, { code: 130, err: '' });
  const report = JSON.parse(out) as CopyReport;
  assert.deepEqual({ whole: report.whole, copied: report.names.copied }, { whole: false, copied: 0 });

  // What the server had begun with it may still end.
  await proxy.parted;
  await eventually(async () => (await scraped(to.weir.opsUrl, 'weir_calls_in_flight')) === 0);
  const all = [...files, root];
  const absent = new Set(
    await findMissing(
      to.push,
      all.map(({ digest }) => digest),
    ),
  );
  assert.ok(absent.size > 0 && absent.size < all.length, `${absent.size} of ${all.length} are missing`);
  const before = await scraped(to.weir.opsUrl, 'weir_received_bytes_total');
  const second = await copied(t, 0, [from.weir.volume, to.pushUrl]);
  const left = all.filter(({ digest }) => absent.has(digest.hash));
  assert.deepEqual(
    { blobs: second.blobs.sent, bytes: second.sentBytes },
    { blobs: left.length, bytes: bytesOf(left) },
  );
  assert.equal((await scraped(to.weir.opsUrl, 'weir_received_bytes_total')) - before, bytesOf(left));
  for (const blob of all) assert.ok((await read(to.pull, downloadName(blob))).equals(blob.data));
});

void test('killed in the middle of a large blob, a later run goes on in the middle of it', async (t) => {
  const [from, to] = [await copySite(t), await copySite(t)];
  const large = randomBlob(24_000_000);
  const root = await pushTree(from.push, key, [large]);
  const proxy = await stallingProxy(t, to.weir.pushAddress, { stallAfter: 9_000_000 });
  const first = startCopy(t, [from.pullUrl, `http://${proxy.address}`, key]);
  await proxy.stalled;
  first.child.kill('SIGKILL');
  await first.ended;
  let kept = 0;
  await eventually(async () => {
    const folder = join(to.weir.volume, 'tmp');
    const name = (await readdir(folder)).find((each) => each.startsWith('weir-kept-'));
    kept = name === undefined ? 0 : (await stat(join(folder, name))).size;
    return kept > 0;
  });
  assert.ok(kept > 1_000_000 && kept < large.data.length, `${kept} bytes are kept`);
  const before = await scraped(to.weir.opsUrl, 'weir_received_bytes_total');
  // From a directory all of it is read for the hash; of a server only the rest is asked for.
  const sentBefore = await scraped(from.weir.opsUrl, 'weir_sent_bytes_total');
  const second = await copied(t, 0, [from.pullUrl, to.pushUrl, key]);
  assert.deepEqual(second.names, { copied: 1, present: 0, skipped: 0, failed: 0 });
  assert.equal((await scraped(to.weir.opsUrl, 'weir_received_bytes_total')) - before, second.sentBytes);
  const most = bytesOf([large, root]) - kept;
  assert.ok(second.sentBytes <= most, `${second.sentBytes} were sent after ${kept}`);
  const asked = (await scraped(from.weir.opsUrl, 'weir_sent_bytes_total')) - sentBefore;
  assert.ok(asked <= most, `${asked} were asked for after ${kept}`);
  assert.ok((await read(to.pull, downloadName(large))).equals(large.data));
});

void test('a server that cannot be reached just now is asked again', async (t) => {
  const [from, to] = [await copySite(t), await copySite(t)];
  await pushTree(from.push, key, [randomBlob(2000)]);
  const proxy = await stallingProxy(t, to.weir.pushAddress, { refuseFirst: 2 });
  const report = await copied(t, 0, [from.weir.volume, `http://${proxy.address}`, '--retries', '20']);
  assert.equal(report.names.copied, 1);
  assert.equal(proxy.refused(), 2);
});

void test('a server that does not answer at all is an error, once the tries are used up', async (t) => {
  const from = await copySite(t);
  await pushTree(from.push, key, [randomBlob(2000)]);
  const url = 'http://127.0.0.1:1';
  const { code, out, err } = await startCopy(t, [from.weir.volume, url, '--retries', '1']).ended;
  assert.deepEqual({ code, out }, { code: 1, out: '' });
  assert.match(err, /http:\/\/127\.0\.0\.1:1 answered UNAVAILABLE/);
});
