import assert from 'node:assert/strict';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { served } from '../support/served.ts';
import {
  blobOf,
  type Clients,
  clientsAt,
  downloadName,
  failure,
  putBatch,
  randomBlob,
  read,
  uploadName,
  write,
  writeRequests,
} from '../support/wire.ts';
import { eventually } from '../support/eventually.ts';
import { startWeir, type Weir } from '../support/weir.ts';

describe('ByteStream', () => {
  let weir: Weir;
  let push: Clients;
  let pull: Clients;
  served((site) => ({ weir, push, pull } = site));

  for (const size of [0, 1, 1024 * 1024 - 1, 1024 * 1024, 1024 * 1024 + 1, 9_000_000]) {
    test(`gives back a blob of ${size} bytes as it was written`, async () => {
      const blob = randomBlob(size);
      assert.equal(await write(push, uploadName(blob), blob.data), BigInt(size));
      assert.deepEqual(await read(pull, downloadName(blob)), Buffer.from(blob.data));
    });
  }

  test('takes messages of 4 MiB', async () => {
    const blob = randomBlob(4 * 1024 * 1024);
    assert.equal(await write(push, uploadName(blob), blob.data, 4 * 1024 * 1024), BigInt(blob.data.length));
    assert.deepEqual(await read(pull, downloadName(blob)), Buffer.from(blob.data));
  });

  test('reads from an offset and up to a limit', async () => {
    const blob = randomBlob(3_000_000);
    await write(push, uploadName(blob), blob.data);
    const part = async (offset: number, limit: number) =>
      await read(pull, downloadName(blob), BigInt(offset), BigInt(limit));
    assert.deepEqual(await part(10, 0), Buffer.from(blob.data.subarray(10)));
    assert.deepEqual(await part(0, 7), Buffer.from(blob.data.subarray(0, 7)));
    assert.deepEqual(await part(1_500_000, 1_400_000), Buffer.from(blob.data.subarray(1_500_000, 2_900_000)));
    assert.deepEqual(await part(2_999_990, 1000), Buffer.from(blob.data.subarray(2_999_990)));
    assert.deepEqual(await part(3_000_000, 0), Buffer.alloc(0));
  });

  test('has the empty blob without an upload', async () => {
    assert.deepEqual(await read(pull, downloadName(blobOf(''))), Buffer.alloc(0));
  });

  test('shares blobs between instances, whose names may have slashes', async () => {
    const blob = randomBlob(2000);
    await write(push, uploadName(blob, 'main/a'), blob.data);
    assert.deepEqual(await read(pull, downloadName(blob, 'some/other/one')), Buffer.from(blob.data));
  });

  test('takes the names of BuildStream 1.1 and a name behind the size', async () => {
    const [first, second] = [randomBlob(500), randomBlob(500)];
    await write(push, `${first.digest.hash}/500`, first.data);
    assert.deepEqual(await read(pull, `${first.digest.hash}/500`), Buffer.from(first.data));
    await write(push, `${uploadName(second)}/bin/tool`, second.data);
    assert.deepEqual(await read(pull, downloadName(second)), Buffer.from(second.data));
  });

  test('answers an upload of a blob that is here at once, before it has been sent', async () => {
    const blob = randomBlob(2_000_000);
    await write(push, uploadName(blob), blob.data);
    async function* neverEnding() {
      yield* writeRequests(uploadName(blob), blob.data.subarray(0, 1000));
      await new Promise<never>(() => {});
    }
    const { committedSize } = await push.bytes.write(neverEnding());
    assert.equal(committedSize, 2_000_000n);
  });

  test('goes on with an upload from its committed size', async () => {
    const blob = randomBlob(1_000_000);
    const name = uploadName(blob);
    const half = async function* () {
      yield { resourceName: name, writeOffset: 0n, finishWrite: false, data: blob.data.subarray(0, 600_000) };
    };
    assert.equal((await push.bytes.write(half())).committedSize, 600_000n);
    assert.deepEqual(await push.bytes.queryWriteStatus({ resourceName: name }), {
      committedSize: 600_000n,
      complete: false,
    });
    const rest = async function* () {
      yield {
        resourceName: name,
        writeOffset: 600_000n,
        finishWrite: true,
        data: blob.data.subarray(600_000),
      };
    };
    assert.equal((await push.bytes.write(rest())).committedSize, 1_000_000n);
    assert.deepEqual(await push.bytes.queryWriteStatus({ resourceName: name }), {
      committedSize: 1_000_000n,
      complete: true,
    });
    assert.deepEqual(await read(pull, downloadName(blob)), Buffer.from(blob.data));
  });

  test('goes on with an upload whose connection broke, after a crash of the server', async () => {
    const own = await startWeir();
    const blob = randomBlob(1_000_000);
    const name = uploadName(blob);
    const broken = clientsAt(own.pushAddress);
    const hangUp = new AbortController();
    const stalled = async function* () {
      yield { resourceName: name, writeOffset: 0n, finishWrite: false, data: blob.data.subarray(0, 500_000) };
      await eventually(async () => (await totalSize(own.volume)) === 500_000);
      hangUp.abort();
    };
    await assert.rejects(broken.bytes.write(stalled(), { signal: hangUp.signal }));
    broken.close();
    await eventually(async () =>
      (await temporaryFiles(own.volume)).every((file) => file.startsWith('weir-kept-')),
    );
    await own.kill();

    const again = await startWeir({ volume: own.volume });
    const clients = clientsAt(again.pushAddress);
    const { committedSize } = await clients.bytes.queryWriteStatus({ resourceName: name });
    assert.equal(committedSize, 500_000n);
    const rest = async function* () {
      yield {
        resourceName: name,
        writeOffset: 500_000n,
        finishWrite: true,
        data: blob.data.subarray(500_000),
      };
    };
    await clients.bytes.write(rest());
    assert.deepEqual(await read(clients, downloadName(blob)), Buffer.from(blob.data));
    assert.deepEqual(await temporaryFiles(own.volume), []);
    clients.close();
    await again.stop();
    await own.stop();
  });

  test('keeps nothing of a broken upload when told so', async () => {
    const own = await startWeir({ env: { UPLOAD_RESUME_SECONDS: '0' } });
    const blob = randomBlob(1_000_000);
    const clients = clientsAt(own.pushAddress);
    const hangUp = new AbortController();
    const stalled = async function* () {
      yield {
        resourceName: uploadName(blob),
        writeOffset: 0n,
        finishWrite: false,
        data: blob.data.subarray(0, 500_000),
      };
      await eventually(async () => (await totalSize(own.volume)) === 500_000);
      hangUp.abort();
    };
    await assert.rejects(clients.bytes.write(stalled(), { signal: hangUp.signal }));
    await eventually(async () => (await temporaryFiles(own.volume)).length === 0);
    clients.close();
    await own.stop();
  });

  test('leaves nothing behind of an upload that fails', async () => {
    const before = await temporaryFiles(weir.volume);
    const blob = randomBlob(300_000);
    const wrong = { ...blob, data: randomBlob(300_000).data };
    const { status, message } = await failure(write(push, uploadName(blob), wrong.data));
    assert.equal(status, 'FAILED_PRECONDITION');
    assert.match(message, /have the hash [0-9a-f]{64}, the digest announces/);
    assert.equal((await failure(read(pull, downloadName(blob)))).status, 'NOT_FOUND');
    assert.deepEqual(await temporaryFiles(weir.volume), before);
  });

  const here = randomBlob(1000);
  const other = randomBlob(1000);
  const request = (fields: object) => ({
    resourceName: '',
    writeOffset: 0n,
    finishWrite: false,
    data: new Uint8Array(),
    ...fields,
  });
  const badWrites: [what: string, requests: () => object[], status: string, message: RegExp][] = [
    ['without a message', () => [], 'INVALID_ARGUMENT', /has no message/],
    ['without a name', () => [request({ data: other.data })], 'NOT_FOUND', /names no blob/],
    [
      'with too many bytes',
      () => [request({ resourceName: uploadName(other), data: randomBlob(1001).data })],
      'FAILED_PRECONDITION',
      /more than the 1000 bytes/,
    ],
    [
      'that finishes too early',
      () => [request({ resourceName: uploadName(other), data: other.data.subarray(1), finishWrite: true })],
      'FAILED_PRECONDITION',
      /999 bytes were sent/,
    ],
    [
      'that begins in the middle',
      () => [request({ resourceName: uploadName(other), writeOffset: 5n })],
      'FAILED_PRECONDITION',
      /0 bytes of this upload are committed/,
    ],
    [
      'with a negative offset',
      () => [request({ resourceName: uploadName(other), writeOffset: -1n })],
      'OUT_OF_RANGE',
      /negative/,
    ],
    [
      'that jumps',
      () => [
        request({ resourceName: uploadName(other), data: other.data.subarray(0, 10) }),
        request({ writeOffset: 11n, data: other.data.subarray(11) }),
      ],
      'FAILED_PRECONDITION',
      /write_offset is 11, but 10 bytes/,
    ],
    [
      'that changes its name',
      () => [
        request({ resourceName: uploadName(other) }),
        request({ resourceName: uploadName(here), data: here.data }),
      ],
      'FAILED_PRECONDITION',
      /name changes/,
    ],
    [
      'of a size beyond any disk',
      () => [
        request({
          resourceName: `uploads/${crypto.randomUUID()}/blobs/${other.digest.hash}/9007199254740991`,
        }),
      ],
      'RESOURCE_EXHAUSTED',
      /can never fit/,
    ],
  ];
  for (const [what, requests, status, message] of badWrites) {
    test(`refuses an upload ${what}`, async () => {
      async function* messages() {
        yield* requests() as never[];
      }
      const answer = await failure(push.bytes.write(messages()));
      assert.equal(answer.status, status);
      assert.match(answer.message, message);
    });
  }

  test('refuses reads that make no sense, each with its status', async () => {
    await putBatch(push, [here]);
    const name = downloadName(here);
    assert.equal((await failure(read(pull, name, 1001n))).status, 'OUT_OF_RANGE');
    assert.equal((await failure(read(pull, name, -1n))).status, 'OUT_OF_RANGE');
    assert.equal((await failure(read(pull, name, 0n, -1n))).status, 'INVALID_ARGUMENT');
    assert.equal((await failure(read(pull, name.replace(/1000$/, '999')))).status, 'NOT_FOUND');
    assert.equal((await failure(read(pull, downloadName(other)))).status, 'NOT_FOUND');
    assert.deepEqual(await read(pull, name), Buffer.from(here.data), 'the blob is untouched by all that');
  });
});

async function temporaryFiles(volume: string): Promise<string[]> {
  return await readdir(join(volume, 'tmp'));
}

async function totalSize(volume: string): Promise<number> {
  const sizes = (await temporaryFiles(volume)).map(
    async (file) => (await stat(join(volume, 'tmp', file))).size,
  );
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
}
