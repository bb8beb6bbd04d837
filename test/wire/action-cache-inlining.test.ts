import assert from 'node:assert/strict';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { describe, test } from 'node:test';
import { ActionResult } from '../../src/gen/build/bazel/remote/execution/v2/remote_execution.ts';
import {
  getAction,
  outputFile,
  putBlobs,
  resultOf,
  type SampleAction,
  sampleAction,
  updateAction,
} from '../support/action-samples.ts';
import { type Served, served } from '../support/served.ts';
import { verdictWithMessage } from '../support/fuzz-verdict.ts';
import { blobFile } from '../support/volume-damage.ts';
import {
  type Blob,
  blobOf,
  downloadName,
  failure,
  findMissing,
  putBatch,
  randomBlob,
  read,
  uploadName,
  write,
} from '../support/wire.ts';

const MiB = 1024 * 1024;
/** What a gRPC client takes that was not told otherwise. */
const longestAnswer = 4 * MiB;
const nothing = Buffer.alloc(0);
const everything = { inlineStdout: true, inlineStderr: true };

function encodedLength(result: ActionResult): number {
  return ActionResult.encode(result).finish().length;
}

/** An action with these output files, by path, and nothing else. */
async function actionOf(outputs: Record<string, Blob>): Promise<SampleAction> {
  const outputFiles = Object.entries(outputs).map(([path, { digest }]) => outputFile(path, digest));
  return { ...(await sampleAction()), result: resultOf({ outputFiles }) };
}

void describe('What a result leads to', () => {
  let site: Served;
  served((it) => (site = it));

  async function cached(): Promise<SampleAction> {
    const action = await sampleAction();
    await putBlobs(site.push, action.blobs.values());
    await updateAction(site.push, action);
    return action;
  }

  const pathOf = (blob: Blob) => blobFile(site.weir.volume, blob);

  void test('is in the answer when that was asked, beside its digest', async () => {
    const action = await cached();
    const answer = await getAction(site.pull, action, { ...everything, inlineOutputFiles: ['out/file'] });
    const contents = action.blobs.get('the output file')?.data ?? nothing;
    assert.deepEqual(answer, {
      ...action.result,
      outputFiles: action.result.outputFiles.map((file) => ({ ...file, contents })),
      stdoutRaw: action.blobs.get('the standard output')?.data,
      stderrRaw: action.blobs.get('the standard error')?.data,
    });
    assert.deepEqual(await getAction(site.pull, action), action.result);
  });

  void test('is in the answer only as far as it was asked for', async () => {
    const action = await cached();
    const stdout = await getAction(site.pull, action, { inlineStdout: true });
    assert.deepEqual(stdout, {
      ...action.result,
      stdoutRaw: action.blobs.get('the standard output')?.data,
    });
    const stderr = await getAction(site.pull, action, { inlineStderr: true });
    assert.deepEqual(stderr, { ...action.result, stderrRaw: action.blobs.get('the standard error')?.data });
  });

  void test('is not looked for by the name of anything but an output file', async () => {
    const action = await cached();
    const names = ['', '/', 'out', 'out/tree', 'out/tree/file', 'out/link', '../out/file', 'OUT/FILE', 'x'];
    assert.deepEqual(await getAction(site.pull, action, { inlineOutputFiles: names }), action.result);
  });

  void test('of no bytes is whole without being in the answer', async () => {
    const empty = blobOf('');
    const action = await actionOf({ empty });
    await updateAction(site.push, action);
    assert.deepEqual(await getAction(site.pull, action, { inlineOutputFiles: ['empty'] }), action.result);
  });

  void test('is left out where the answer would be longer than clients take', async () => {
    const [large, one, two, small] = [5 * MiB, 3 * MiB, 3 * MiB, 100].map(randomBlob) as [
      Blob,
      Blob,
      Blob,
      Blob,
    ];
    for (const blob of [large, one, two, small]) await write(site.push, uploadName(blob), blob.data);
    const outputs: Record<string, Blob> = { large, one, two, small };
    const action = await actionOf(outputs);
    await updateAction(site.push, action);
    for (const asked of [Object.keys(outputs), ['large'], ['two', 'two', 'one']]) {
      const answer = await getAction(site.pull, action, { inlineOutputFiles: asked });
      assert.ok(encodedLength(answer) < longestAnswer, `${encodedLength(answer)} bytes for ${asked.join()}`);
      for (const { path, digest, contents } of answer.outputFiles) {
        assert.deepEqual(digest, outputs[path]?.digest);
        if (contents.length > 0) assert.deepEqual(contents, Buffer.from(outputs[path]?.data ?? []));
      }
      assert.equal(answer.outputFiles[0]?.contents.length, 0, 'the large one is in no answer');
    }
    const answer = await getAction(site.pull, action, { inlineOutputFiles: ['small'] });
    assert.deepEqual(answer.outputFiles[3]?.contents, Buffer.from(small.data));
  });

  void test('is left out where one blob in many places would make the answer too long', async () => {
    const blob = randomBlob(64 * 1024);
    await putBatch(site.push, [blob]);
    const paths = Array.from({ length: 1000 }, (_, index) => `out/${index}`);
    const action = await actionOf(Object.fromEntries(paths.map((path) => [path, blob])));
    await updateAction(site.push, action);
    const answer = await getAction(site.pull, action, { inlineOutputFiles: paths });
    assert.ok(encodedLength(answer) < longestAnswer, `${encodedLength(answer)} bytes`);
    assert.equal(answer.outputFiles.length, paths.length);
  });

  void test('is never in the answer with other bytes than its digest says', async () => {
    const action = await cached();
    for (const what of ['the output file', 'the standard output', 'the standard error']) {
      const blob = action.blobs.get(what);
      assert.ok(blob !== undefined);
      const damaged = await readFile(pathOf(blob));
      damaged[0] = (damaged[0] ?? 0) ^ 1;
      await writeFile(pathOf(blob), damaged);
      const given = { ...everything, inlineOutputFiles: ['out/file'] };
      const answer = await getAction(site.pull, action, given).catch(() => undefined);
      const bytes = [answer?.stdoutRaw, answer?.stderrRaw, answer?.outputFiles[0]?.contents];
      assert.ok(!bytes.some((some) => some !== undefined && damaged.equals(some)), what);
      // It is set aside by and by; until then an upload finds it here.
      await rm(pathOf(blob), { force: true });
      await putBatch(site.push, [blob]);
    }
  });
});

void describe('A result that comes with bytes', () => {
  let site: Served;
  served((it) => (site = it));

  void test('is taken when they are what its digests say, and given without them', async () => {
    const action = await sampleAction();
    await putBlobs(site.push, action.blobs.values());
    const { result } = action;
    const contents = action.blobs.get('the output file')?.data ?? nothing;
    await updateAction(site.push, {
      ...action,
      result: {
        ...result,
        outputFiles: result.outputFiles.map((file) => ({ ...file, contents })),
        stdoutRaw: action.blobs.get('the standard output')?.data ?? nothing,
        stderrRaw: action.blobs.get('the standard error')?.data ?? nothing,
      },
    });
    assert.deepEqual(await getAction(site.pull, action), result);
  });

  void test('is refused when they are not what its digests say', async () => {
    const action = await sampleAction();
    await putBlobs(site.push, action.blobs.values());
    const { result } = action;
    const wrong = Buffer.from('these are no bytes of this action');
    const lies: Partial<ActionResult>[] = [
      { outputFiles: result.outputFiles.map((file) => ({ ...file, contents: wrong })) },
      { stdoutRaw: wrong },
      { stderrRaw: wrong },
    ];
    for (const lie of lies) {
      const { status } = await failure(updateAction(site.push, { ...action, result: { ...result, ...lie } }));
      assert.equal(status, 'FAILED_PRECONDITION', Object.keys(lie).join());
    }
    assert.equal((await failure(getAction(site.pull, action))).status, 'NOT_FOUND');
  });

  void test('gives its outputs back that no digest names', async () => {
    const [stdoutRaw, stderrRaw] = [Buffer.from('said'), Buffer.from('warned')];
    const action = { ...(await sampleAction()), result: resultOf({ stdoutRaw, stderrRaw }) };
    await updateAction(site.push, action);
    const answer = await getAction(site.pull, action, everything);
    assert.deepEqual(Buffer.from(answer.stdoutRaw), stdoutRaw);
    assert.deepEqual(Buffer.from(answer.stderrRaw), stderrRaw);
  });

  void test('is not whole by them alone: it is refused, or its blobs can be read afterwards', async () => {
    const blobs = [randomBlob(100), randomBlob(200), randomBlob(300)] as const;
    const [file, stdout, stderr] = blobs;
    const result = resultOf({
      outputFiles: [outputFile('file', file.digest, file.data)],
      stdoutRaw: stdout.data,
      stdoutDigest: stdout.digest,
      stderrRaw: stderr.data,
      stderrDigest: stderr.digest,
    });
    const action = { ...(await sampleAction()), result };
    const { status } = await verdictWithMessage(updateAction(site.push, action));
    const missing = await findMissing(
      site.pull,
      blobs.map(({ digest }) => digest),
    );
    if (status === 'OK') {
      assert.deepEqual(missing, []);
      for (const blob of blobs) {
        assert.deepEqual(await read(site.pull, downloadName(blob)), Buffer.from(blob.data));
      }
    } else {
      assert.equal(status, 'FAILED_PRECONDITION');
      assert.equal(missing.length, blobs.length);
      assert.equal((await failure(getAction(site.pull, action))).status, 'NOT_FOUND');
    }
  });
});
