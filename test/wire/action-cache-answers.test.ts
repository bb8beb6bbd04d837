import assert from 'node:assert/strict';
import { readdir, rm, stat, truncate, utimes } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { describe, test } from 'node:test';
import {
  digestFunctionOf,
  getAction,
  outputFile,
  putBlobs,
  resultOf,
  type SampleAction,
  sampleAction,
  updateAction,
} from '../support/action-samples.ts';
import { eventually } from '../support/eventually.ts';
import { type Served, looksAlways, served } from '../support/served.ts';
import { blobFile } from '../support/volume-damage.ts';
import { startWeir } from '../support/weir.ts';
import { clientsAt, failure, findMissing, putBatch, randomBlob } from '../support/wire.ts';

const otherFunctions = ['sha1', 'sha384', 'sha512', 'blake3'] as const;

/** Where the result of an action is stored, whatever the folders are called. */
async function recordOf(volume: string, { actionDigest }: SampleAction): Promise<string> {
  const folder = join(volume, 'weir', 'ac');
  const names = await readdir(folder, { recursive: true });
  const name = names.find((path) => path.replaceAll(sep, '').endsWith(actionDigest.hash));
  assert.ok(name !== undefined, `no record of ${actionDigest.hash} in ${names.join(', ')}`);
  return join(folder, name);
}

/** A sample action whose blobs are here and whose result is known. */
async function cached({ push }: Pick<Served, 'push'>): Promise<SampleAction> {
  const action = await sampleAction();
  await putBlobs(push, action.blobs.values());
  await updateAction(push, action);
  return action;
}

void describe('ActionCache', () => {
  let site: Served;
  served((it) => (site = it), looksAlways);

  const statusOf = async (action: SampleAction, instanceName = '') =>
    (await failure(getAction(site.pull, action, { instanceName }))).status;

  void test('gives the result that was stored, on both listeners and to the letter', async () => {
    const action = await sampleAction();
    assert.equal(await statusOf(action), 'NOT_FOUND');
    await putBlobs(site.push, action.blobs.values());
    assert.deepEqual(await updateAction(site.push, action), action.result);
    assert.deepEqual(await getAction(site.push, action), action.result);
    assert.deepEqual(await getAction(site.pull, action), action.result);
  });

  void test('gives a result that says nothing but that the action succeeded', async () => {
    // Its message has no bytes at all.
    const action = { ...(await sampleAction()), result: resultOf({}) };
    await updateAction(site.push, action);
    const answer = await getAction(site.pull, action);
    assert.deepEqual({ ...answer, executionMetadata: undefined }, action.result);
  });

  void test('replaces a result', async () => {
    const first = await cached(site);
    const file = randomBlob(10);
    await putBatch(site.push, [file]);
    const second = { ...first, result: resultOf({ outputFiles: [outputFile('other', file.digest)] }) };
    await updateAction(site.push, second);
    assert.deepEqual((await getAction(site.pull, first)).outputFiles, second.result.outputFiles);
  });

  void test('gives one of the results that many stored at once', async () => {
    const action = await cached(site);
    const results = Array.from({ length: 20 }, (_, exitCode) => ({ ...action.result, exitCode }));
    await Promise.all(results.map(async (result) => await updateAction(site.push, { ...action, result })));
    const answer = await getAction(site.pull, action);
    assert.deepEqual(answer, results[answer.exitCode]);
  });

  void test('refuses a result that lacks a blob, names it, and keeps the one before', async () => {
    const action = await cached(site);
    const other = await sampleAction();
    for (const [what, lost] of other.blobs) {
      await putBlobs(site.push, other.blobs.values());
      await rm(blobFile(site.weir.volume, lost));
      const attempt = updateAction(site.push, { ...action, result: other.result });
      const { status, message } = await failure(attempt);
      assert.equal(status, 'FAILED_PRECONDITION', what);
      assert.ok(message.includes(`${lost.digest.hash}/${lost.digest.sizeBytes}`), `${what}: ${message}`);
      assert.deepEqual(await getAction(site.pull, action), action.result);
    }
  });

  void test('answers NOT_FOUND while any one blob of the result is missing, and again when it is back', async () => {
    const action = await cached(site);
    for (const [what, blob] of action.blobs) {
      await rm(blobFile(site.weir.volume, blob));
      assert.equal(await statusOf(action), 'NOT_FOUND', what);
      await stat(await recordOf(site.weir.volume, action));
      await putBatch(site.push, [blob]);
      assert.deepEqual(await getAction(site.pull, action), action.result, what);
    }
  });

  void test('does not call a result whole while one of its blobs is cut short', async () => {
    const action = await cached(site);
    for (const [what, blob] of action.blobs) {
      await truncate(blobFile(site.weir.volume, blob), blob.data.length - 1);
      assert.equal(await statusOf(action), 'NOT_FOUND', what);
      await putBatch(site.push, [blob]);
      assert.deepEqual(await getAction(site.pull, action), action.result, what);
    }
  });

  void test('gives each instance its own results', async () => {
    const action = await sampleAction();
    await putBlobs(site.push, action.blobs.values());
    const names = ['', 'main', 'main/a', 'main%2Fa', 'Main', '=', '%3D', 'sha256', 'x'.repeat(255)];
    for (const [exitCode, instanceName] of names.entries()) {
      assert.equal(await statusOf(action, instanceName), 'NOT_FOUND', instanceName);
      await updateAction(site.push, { ...action, result: { ...action.result, exitCode } }, { instanceName });
    }
    for (const [exitCode, instanceName] of names.entries()) {
      assert.equal((await getAction(site.pull, action, { instanceName })).exitCode, exitCode, instanceName);
    }
  });

  for (const hashing of otherFunctions) {
    void test(`keeps results of ${hashing}, and looks for what they lead to by it`, async () => {
      const action = await sampleAction(hashing);
      assert.equal((await failure(updateAction(site.push, action))).status, 'FAILED_PRECONDITION');
      await putBlobs(site.push, action.blobs.values(), action.digestFunction);
      await updateAction(site.push, action);
      assert.deepEqual(await getAction(site.pull, action), action.result);
      if (hashing === 'blake3') return;
      const unnamed = await getAction(site.pull, action, { digestFunction: 0 });
      assert.deepEqual(unnamed, action.result, 'the length of the hash tells the function');
    });
  }

  void test('does not take actions of SHA-256 and of BLAKE3 for each other', async () => {
    const { actionDigest } = await sampleAction();
    const [sha256, blake3] = [digestFunctionOf('sha256'), digestFunctionOf('blake3')];
    // It leads to nothing that one of them could miss.
    const result = resultOf({ exitCode: 3 });
    await updateAction(site.push, { actionDigest, result, digestFunction: blake3 });
    for (const digestFunction of [sha256, 0 as const]) {
      const asked = getAction(site.pull, { actionDigest, digestFunction });
      assert.equal((await failure(asked)).status, 'NOT_FOUND');
    }
    const answer = await getAction(site.pull, { actionDigest, digestFunction: blake3 });
    assert.equal(answer.exitCode, 3);
  });

  void test('counts what was found and what was not', async () => {
    const action = await cached(site);
    const [hits, misses] = [await lookups(site, 'hit'), await lookups(site, 'miss')];
    await getAction(site.pull, action);
    await failure(getAction(site.pull, await sampleAction()));
    await failure(getAction(site.push, await sampleAction()));
    assert.equal((await lookups(site, 'hit')) - hits, 1);
    assert.equal((await lookups(site, 'miss')) - misses, 2);
  });
});

void describe('The result of an action', () => {
  void test('leases all that it leads to, and itself, whenever it is given', async (t) => {
    const weir = await startWeir({ env: { LEASE_SECONDS: '0' } });
    const push = clientsAt(weir.pushAddress);
    t.after(async () => {
      push.close();
      await weir.stop();
    });
    const action = await cached({ push });
    const paths = [...action.blobs.values()].map((blob) => blobFile(weir.volume, blob));
    paths.push(await recordOf(weir.volume, action));
    const longAgo = new Date('2001-01-01');
    for (const path of paths) await utimes(path, longAgo, longAgo);
    // A file whose change is no older than the clock's last tick is left as it is, so one answer may not do.
    await eventually(async () => {
      await getAction(push, action);
      const times = await Promise.all(paths.map(async (path) => (await stat(path)).mtime));
      return times.every((time) => time > longAgo);
    });
  });

  void test('is there again after a kill, with all that it leads to', async (t) => {
    const weir = await startWeir();
    const push = clientsAt(weir.pushAddress);
    const action = await cached({ push });
    push.close();
    await weir.kill();
    const again = await startWeir({ volume: weir.volume, socketsDir: weir.socketsDir });
    const pull = clientsAt(again.pullAddress);
    t.after(async () => {
      pull.close();
      await again.stop();
      await weir.stop();
    });
    assert.deepEqual(await getAction(pull, action), action.result);
    const digests = [...action.blobs.values()].map(({ digest }) => digest);
    assert.deepEqual(await findMissing(pull, digests), []);
  });
});

/** The metric of action lookups with this result, whatever else it is told apart by. */
async function lookups({ weir }: Served, result: 'hit' | 'miss'): Promise<number> {
  const text = await (await fetch(`${weir.opsUrl}/metrics`)).text();
  const lines = text
    .split('\n')
    .filter(
      (line) =>
        line.startsWith('weir_lookups_total{') &&
        line.includes('kind="action"') &&
        line.includes(`result="${result}"`),
    );
  assert.ok(lines.length > 0, text);
  return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);
}
