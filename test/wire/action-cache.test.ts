import assert from 'node:assert/strict';
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import type {
  ActionResult,
  GetActionResultRequest,
} from '../../src/gen/build/bazel/remote/execution/v2/remote_execution.ts';
import { outputFile, resultOf, sampleResult } from '../support/actions.ts';
import { scraped } from '../support/scraped.ts';
import { type Served, looksAlways, served } from '../support/served.ts';
import { blobFile } from '../support/volume-damage.ts';
import { startWeir } from '../support/weir.ts';
import {
  type Blob,
  blobOf,
  type Clients,
  clientsAt,
  failure,
  findMissing,
  putBatch,
  randomBlob,
} from '../support/wire.ts';

const mebibyte = 1024 * 1024;

async function update(clients: Clients, action: Blob, actionResult: ActionResult, instanceName = '') {
  return await clients.actions.updateActionResult({
    instanceName,
    actionDigest: action.digest,
    actionResult,
    resultsCachePolicy: undefined,
    digestFunction: 0,
  });
}

async function get(clients: Clients, action: Blob, options: Partial<GetActionResultRequest> = {}) {
  return await clients.actions.getActionResult({
    instanceName: '',
    actionDigest: action.digest,
    inlineStdout: false,
    inlineStderr: false,
    inlineOutputFiles: [],
    digestFunction: 0,
    ...options,
  });
}

void describe('an action result', () => {
  let site: Served;
  served((it) => (site = it), looksAlways);

  void test('comes back as it was, on both listeners', async () => {
    const { result, reached } = sampleResult();
    const action = randomBlob(100);
    assert.equal((await failure(get(site.pull, action))).status, 'NOT_FOUND');
    await putBatch(site.push, Object.values(reached));
    assert.deepEqual(plain(await update(site.push, action, result)), plain(result));
    assert.deepEqual(plain(await get(site.pull, action)), plain(result));
    assert.deepEqual(plain(await get(site.push, action)), plain(result));
  });

  void test('may be one without any output', async () => {
    const action = randomBlob(100);
    const result = resultOf({ exitCode: 1, stdoutRaw: Buffer.from('said') });
    await update(site.push, action, result);
    assert.deepEqual(plain(await get(site.pull, action)), plain(result));
  });

  void test('is replaced by a later one', async () => {
    const action = randomBlob(100);
    await update(site.push, action, resultOf({ exitCode: 1 }));
    await update(site.push, action, resultOf({ exitCode: 2 }));
    assert.equal((await get(site.pull, action)).exitCode, 2);
  });

  for (const part of Object.keys(sampleResult().reached)) {
    void test(`is not given out when ${part} is lost, and is whole again when that is pushed`, async () => {
      const { result, reached } = sampleResult();
      const action = randomBlob(100);
      const lost = reached[part] ?? action;
      await putBatch(site.push, Object.values(reached));
      await update(site.push, action, result);
      await rm(blobFile(site.weir.volume, lost));
      const miss = await failure(get(site.pull, action));
      assert.equal(miss.status, 'NOT_FOUND');
      assert.match(miss.message, /not here, or not whole/);
      await putBatch(site.push, [lost]);
      assert.deepEqual(plain(await get(site.pull, action)), plain(result));
    });

    void test(`is not taken while ${part} is missing, and the error says what is`, async () => {
      const { result, reached } = sampleResult();
      const action = randomBlob(100);
      const missing = reached[part] ?? action;
      await putBatch(
        site.push,
        Object.values(reached).filter((blob) => blob !== missing),
      );
      const refused = await failure(update(site.push, action, result));
      assert.equal(refused.status, 'FAILED_PRECONDITION');
      assert.match(refused.message, new RegExp(missing.digest.hash));
      assert.equal((await failure(get(site.pull, action))).status, 'NOT_FOUND');
    });
  }

  void test('belongs to its instance', async () => {
    const action = randomBlob(100);
    await update(site.push, action, resultOf({ exitCode: 1 }), 'main/a');
    await update(site.push, action, resultOf({ exitCode: 2 }), 'main');
    assert.equal((await get(site.pull, action, { instanceName: 'main/a' })).exitCode, 1);
    assert.equal((await get(site.pull, action, { instanceName: 'main' })).exitCode, 2);
    assert.equal((await failure(get(site.pull, action))).status, 'NOT_FOUND');
  });

  void test('has the outputs inlined that were asked for, and no others', async () => {
    const { result, reached } = sampleResult();
    const action = randomBlob(100);
    await putBatch(site.push, Object.values(reached));
    await update(site.push, action, result);
    const inlined = await get(site.pull, action, {
      inlineStdout: true,
      inlineOutputFiles: ['lib/other', 'no/such/file'],
    });
    assert.deepEqual(Buffer.from(inlined.stdoutRaw), reached['stdout']?.data);
    assert.equal(inlined.stderrRaw.length, 0);
    assert.deepEqual(
      inlined.outputFiles.map(({ contents }) => contents.length),
      [0, 500_000],
    );
    assert.deepEqual(
      Buffer.from((await get(site.pull, action, { inlineStderr: true })).stderrRaw),
      reached['stderr']?.data,
    );
  });

  void test('stays within what a client takes in one message, however much is to be inlined', async () => {
    const files = Array.from({ length: 6 }, () => randomBlob(mebibyte));
    for (const file of files) await putBatch(site.push, [file]);
    const action = randomBlob(100);
    const outputs = files.map((file, index) => outputFile(`${index}`, file));
    await update(site.push, action, resultOf({ outputFiles: outputs }));
    const { outputFiles } = await get(site.pull, action, {
      inlineOutputFiles: outputs.map(({ path }) => path),
    });
    const bytes = outputFiles.reduce((sum, { contents }) => sum + contents.length, 0);
    assert.ok(bytes > 0 && bytes < 4 * mebibyte, `${bytes} bytes`);
  });

  void test('has contents that came along stored as blobs', async () => {
    const [file, stdout] = [randomBlob(100), randomBlob(50)];
    const action = randomBlob(100);
    const kept = await update(
      site.push,
      action,
      resultOf({
        outputFiles: [{ ...outputFile('a', file), contents: file.data }],
        stdoutDigest: stdout.digest,
        stdoutRaw: stdout.data,
      }),
    );
    assert.equal(kept.outputFiles[0]?.contents.length, 0);
    assert.deepEqual(await findMissing(site.pull, [file.digest, stdout.digest]), []);
    const wrong = resultOf({ outputFiles: [{ ...outputFile('a', randomBlob(100)), contents: file.data }] });
    assert.equal((await failure(update(site.push, action, wrong))).status, 'FAILED_PRECONDITION');
  });

  void test('is not taken on the pull listener', async () => {
    const refused = await failure(update(site.pull, randomBlob(1), resultOf({})));
    assert.equal(refused.status, 'PERMISSION_DENIED');
  });

  const { digest } = randomBlob(1);
  const nonsense: [what: string, result: ActionResult][] = [
    [
      'a file without a digest',
      resultOf({ outputFiles: [{ ...outputFile('a', randomBlob(1)), digest: undefined }] }),
    ],
    ['a digest that is none', resultOf({ stdoutDigest: { hash: '../../etc/passwd', sizeBytes: 1n } })],
    ['a negative size', resultOf({ stderrDigest: { ...digest, sizeBytes: -1n } })],
    [
      'a directory that leads nowhere',
      resultOf({
        outputDirectories: [
          { path: '', treeDigest: undefined, rootDirectoryDigest: undefined, isTopologicallySorted: true },
        ],
      }),
    ],
  ];
  for (const [what, result] of nonsense) {
    void test(`with ${what} is refused`, async () => {
      assert.equal((await failure(update(site.push, randomBlob(1), result))).status, 'INVALID_ARGUMENT');
    });
  }

  void test('is refused when a Tree is something else, or when there is none at all', async () => {
    const noTree = blobOf('no message at all');
    await putBatch(site.push, [noTree]);
    const outputDirectories = [
      { path: '', treeDigest: noTree.digest, rootDirectoryDigest: undefined, isTopologicallySorted: false },
    ];
    const refused = await failure(update(site.push, randomBlob(1), resultOf({ outputDirectories })));
    assert.equal(refused.status, 'INVALID_ARGUMENT');
    assert.match(refused.message, /not a Tree message/);
    const none = site.push.actions.updateActionResult({
      instanceName: '',
      actionDigest: digest,
      actionResult: undefined,
      resultsCachePolicy: undefined,
      digestFunction: 0,
    });
    assert.equal((await failure(none)).status, 'INVALID_ARGUMENT');
  });

  for (const [what, harmed] of [
    ['empty', () => Buffer.alloc(0)],
    ['garbage', () => Buffer.from('garbage')],
    ['cut', (bytes: Buffer) => bytes.subarray(0, -1)],
    ['damaged', (bytes: Buffer) => bytes.fill(2, 1, 2)],
  ] as const) {
    void test(`whose record is ${what} is not here, until it is pushed again`, async () => {
      const action = randomBlob(100);
      await update(site.push, action, resultOf({ exitCode: 1 }));
      const { hash } = action.digest;
      const path = join(site.weir.volume, 'weir', 'ac', '=', 'sha256', hash.slice(0, 2), hash.slice(2));
      await writeFile(path, harmed(await readFile(path)));
      assert.equal((await failure(get(site.pull, action))).status, 'NOT_FOUND');
      await update(site.push, action, resultOf({ exitCode: 1 }));
      assert.equal((await get(site.pull, action)).exitCode, 1);
    });
  }

  void test('is counted as found or not', async () => {
    const before = await scraped(site.weir.opsUrl, 'weir_lookups_total');
    const action = randomBlob(100);
    await failure(get(site.pull, action));
    await update(site.push, action, resultOf({}));
    await get(site.pull, action);
    assert.equal(await scraped(site.weir.opsUrl, 'weir_lookups_total'), before + 2);
    const text = await (await fetch(`${site.weir.opsUrl}/metrics`)).text();
    assert.match(text, /weir_lookups_total\{[^}]*kind="action"[^}]*result="hit"[^}]*\} [1-9]/);
  });

  void test('survives a server that is killed, and leaves nothing half-written', async () => {
    const { result, reached } = sampleResult();
    const action = randomBlob(100);
    const first = await startWeir({ volume: `${site.weir.volume}-killed` });
    const before = clientsAt(first.pushAddress);
    await putBatch(before, Object.values(reached));
    await update(before, action, result);
    before.close();
    await first.kill();
    const second = await startWeir({ volume: first.volume });
    const after = clientsAt(second.pullAddress);
    assert.deepEqual(plain(await get(after, action)), plain(result));
    assert.deepEqual(await readdir(join(first.volume, 'tmp')), []);
    after.close();
    await second.stop();
    await rm(first.volume, { recursive: true });
  });
});

/** Without the difference between one array of bytes and another. */
function plain(result: ActionResult): unknown {
  return JSON.parse(
    JSON.stringify(result, (_key, value: unknown) => {
      if (typeof value === 'bigint') return value.toString();
      return value instanceof Uint8Array ? Buffer.from(value).toString('base64') : value;
    }),
  );
}
