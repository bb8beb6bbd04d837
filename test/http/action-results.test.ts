import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { ActionResult } from '../../src/gen/build/bazel/remote/execution/v2/remote_execution.ts';
import { outputFile, resultOf, sampleResult } from '../support/actions.ts';
import { memoryOf } from '../support/fuzz-process.ts';
import { lengthDelimited } from '../support/fuzz-raw.ts';
import { ask } from '../support/http-cache.ts';
import { type Served, looksAlways, served } from '../support/served.ts';
import { type Blob, failure, putBatch, randomBlob } from '../support/wire.ts';

const MiB = 1024 * 1024;

void describe('action results over HTTP', () => {
  let site: Served;
  served((it) => (site = it), { ...looksAlways, tcp: true, http: true });

  const pull = (path: string) => site.weir.pullUrl + path;
  const push = (path: string) => site.weir.pushUrl + path;
  const actionHash = () => createHash('sha256').update(randomBytes(16)).digest('hex');

  const filesIn = (...files: Blob[]) =>
    resultOf({ outputFiles: files.map((file, index) => outputFile(`out/${index}`, file)) });
  const bytesOf = (result: ActionResult) => Buffer.from(ActionResult.encode(result).finish());

  const question = (hash: string) => ({
    instanceName: '',
    actionDigest: { hash, sizeBytes: 142n },
    inlineStdout: false,
    inlineStderr: false,
    inlineOutputFiles: [],
    digestFunction: 0 as const,
  });

  const fileOf = ({ digest }: Blob) =>
    join(site.weir.volume, 'cas', 'objects', digest.hash.slice(0, 2), digest.hash.slice(2));

  test('a result is given back, over HTTP and gRPC', async () => {
    const files = [randomBlob(10), randomBlob(20)];
    await putBatch(site.push, files);
    const result = filesIn(...files);
    const hash = actionHash();
    assert.equal((await ask('PUT', push(`/ac/${hash}`), { body: bytesOf(result) })).status, 200);
    const { status, body } = await ask('GET', pull(`/ac/${hash}`));
    assert.equal(status, 200);
    assert.deepEqual(ActionResult.decode(body), result);
    const head = await ask('HEAD', pull(`/ac/${hash}`));
    assert.deepEqual([head.status, head.headers['content-length']], [200, String(body.length)]);
    const overGrpc = await site.pull.actions.getActionResult(question(hash));
    assert.deepEqual(overGrpc.outputFiles[0]?.digest, files[0]?.digest);
  });

  test('a result whose blobs are not all here is refused with 409, and the first of them', async () => {
    const [here, absent] = [randomBlob(10), randomBlob(10)];
    await putBatch(site.push, [here]);
    const hash = actionHash();
    const answer = await ask('PUT', push(`/ac/${hash}`), { body: bytesOf(filesIn(here, absent)) });
    assert.equal(answer.status, 409);
    assert.match(answer.body.toString(), new RegExp(absent.digest.hash));
    assert.equal((await ask('GET', pull(`/ac/${hash}`))).status, 404);
  });

  test('a result that has lost anything that it reaches is 404 until that is back', async () => {
    const { result, reached } = sampleResult();
    await putBatch(site.push, Object.values(reached));
    const path = `/team/ac/${actionHash()}`;
    const body = bytesOf(result);
    assert.equal((await ask('PUT', push(path), { body })).status, 200);
    for (const [what, lost] of Object.entries(reached)) {
      await rm(fileOf(lost));
      for (const method of ['GET', 'HEAD'])
        assert.equal((await ask(method, pull(path))).status, 404, `without ${what}`);
      assert.equal((await ask('PUT', push(`/cas/${lost.digest.hash}`), { body: lost.data })).status, 200);
      assert.deepEqual((await ask('GET', pull(path))).body, body);
    }
    assert.equal((await ask('GET', pull(path.replace('/team', '')))).status, 404);
  });

  test('a result with a digest that cannot be one is 400', async () => {
    const result = filesIn({ digest: { hash: '../x', sizeBytes: 1n }, data: Buffer.alloc(0) });
    const answer = await ask('PUT', push(`/ac/${actionHash()}`), { body: bytesOf(result) });
    assert.equal(answer.status, 400);
  });

  test('a result of many files, longer than what is kept in memory, is checked too', async () => {
    const [here, absent] = [randomBlob(10), randomBlob(10)];
    await putBatch(site.push, [here]);
    const many = Array.from({ length: 5000 }, () => here);
    const hash = actionHash();
    const whole = bytesOf(filesIn(...many));
    assert.ok(whole.length > 256 * 1024);
    assert.equal((await ask('PUT', push(`/ac/${hash}`), { body: whole })).status, 200);
    assert.deepEqual((await ask('GET', pull(`/ac/${hash}`))).body, whole);
    const other = actionHash();
    const partial = await ask('PUT', push(`/ac/${other}`), { body: bytesOf(filesIn(...many, absent)) });
    assert.equal(partial.status, 409);
    assert.equal((await ask('GET', pull(`/ac/${other}`))).status, 404);
  });

  test('bytes that would be millions of elements within those of a result are no result, and cost no memory', async () => {
    const elements = (tag: number, size = 7 * MiB) => Buffer.alloc(size, Buffer.from([tag, 0]));
    const floods = {
      'properties of a file': lengthDelimited(2, lengthDelimited(7, elements(0x0a))),
      'metadata of the execution': lengthDelimited(9, elements(0x5a)),
      'properties of a link': lengthDelimited(12, lengthDelimited(4, elements(0x0a))),
      'properties of many files': Buffer.concat(
        Array.from({ length: 7 }, () => lengthDelimited(2, lengthDelimited(7, elements(0x0a, MiB)))),
      ),
    };
    for (const [what, body] of Object.entries(floods)) {
      const path = `/ac/${actionHash()}`;
      assert.equal((await ask('PUT', push(path), { body })).status, 200, what);
      assert.deepEqual((await ask('GET', pull(path))).body, body, what);
    }
    const most = await memoryOf(site.weir.pid, 'most');
    assert.ok(most < 350 * MiB, `the server held ${Math.round(most / MiB)} MiB`);
  });

  test('what is no result is kept as it is under a key that looks like a hash, and is none for gRPC', async () => {
    const hash = actionHash();
    const values = [
      Buffer.from('cCaC and what follows'),
      Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 1, 2, 3]),
      // A field that an ActionResult does not have, and one of its own cut short.
      Buffer.from([0x0a, 0x01, 0x41]),
      bytesOf(filesIn(randomBlob(3))).subarray(0, -1),
    ];
    for (const value of values) {
      assert.equal((await ask('PUT', push(`/ac/${hash}`), { body: value })).status, 200);
      assert.deepEqual((await ask('GET', pull(`/ac/${hash}`))).body, value);
    }
    const overGrpc = await failure(site.pull.actions.getActionResult(question(hash)));
    assert.equal(overGrpc.status, 'NOT_FOUND');
  });
});
