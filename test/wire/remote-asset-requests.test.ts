import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { describe, test } from 'node:test';
import { blake3 } from 'hash-wasm';
import { DigestFunction_Value } from '../../src/gen/build/bazel/remote/execution/v2/remote_execution.ts';
import { fetchBlob, fetchDirectory, freshUri, pushBlob, pushDirectory } from '../support/assets.ts';
import { served } from '../support/served.ts';
import type { Weir } from '../support/weir.ts';
import { type Blob, type Clients, failure, putBatch, randomBlob } from '../support/wire.ts';

describe('a request about assets', () => {
  let weir: Weir;
  let push: Clients;
  let pull: Clients;
  served((site) => ({ weir, push, pull } = site));

  async function stored(): Promise<Blob> {
    const blob = randomBlob(100);
    await putBatch(push, [blob]);
    return blob;
  }

  async function refused(call: Promise<unknown>, pattern: RegExp): Promise<void> {
    const { status, message } = await failure(call);
    assert.equal(status, 'INVALID_ARGUMENT', message);
    assert.match(message, pattern);
    assert.ok(message.length < 400, message);
  }

  test('may name anything: a URI is no path and no address', async () => {
    const uris = [
      '/etc/passwd',
      '../../../../etc/passwd',
      'file:///etc/passwd',
      'http://127.0.0.1:1/',
      'a\u0000b',
      'a\nb',
      '.',
      '..',
      '=',
      '%2e%2e%2f',
      '日本語 🐦',
      ' ',
      'x'.repeat(8192),
    ];
    const [blob, before] = [await stored(), await readdir(weir.volume)];
    for (const uri of uris) {
      assert.equal((await failure(fetchBlob(pull, [uri]))).status, 'NOT_FOUND');
      assert.equal((await failure(fetchDirectory(pull, [uri]))).status, 'NOT_FOUND');
      await pushBlob(push, [uri], blob.digest);
      const answer = await fetchBlob(pull, [uri]);
      assert.equal(answer.uri, uri);
      assert.deepEqual(answer.blobDigest, blob.digest);
    }
    const qualifiers = [{ name: '../x', value: '/etc/passwd\u0000' }];
    await pushBlob(push, ['../x'], blob.digest, { qualifiers });
    assert.deepEqual((await fetchBlob(pull, ['../x'], { qualifiers })).qualifiers, qualifiers);
    assert.deepEqual(await readdir(weir.volume), before);
  });

  test('has bounds', async () => {
    const { digest } = await stored();
    const many = (count: number) => Array.from({ length: count }, (_, index) => `urn:${index}`);
    const qualifiers = (count: number, size: number) =>
      many(count).map((name) => ({ name, value: 'v'.repeat(size) }));
    const cases: [uris: string[], fields: { qualifiers?: { name: string; value: string }[] }, RegExp][] = [
      [many(101), {}, /101 URIs; give at most 100/],
      [['x'.repeat(8193)], {}, /has 8193 bytes; at most 8192/],
      [['é'.repeat(4097)], {}, /has 8194 bytes; at most 8192/],
      [['urn:a', ''], {}, /URIs is empty/],
      [['urn:\uFFFD'], {}, /not well-formed UTF-8/],
      [['urn:a'], { qualifiers: qualifiers(101, 1) }, /101 qualifiers; give at most 100/],
      [['urn:a'], { qualifiers: qualifiers(1, 8193) }, /has 8193 bytes; at most 8192/],
      [['urn:a'], { qualifiers: qualifiers(20, 8000) }, /at most 65536/],
      [['urn:a'], { qualifiers: [{ name: 'n'.repeat(257), value: '' }] }, /has 257 bytes; at most 256/],
      [['urn:a'], { qualifiers: [{ name: '', value: 'v' }] }, /has no name/],
      [
        ['urn:a'],
        {
          qualifiers: [
            { name: 'same', value: '1' },
            { name: 'other', value: '2' },
            { name: 'same', value: '1' },
          ],
        },
        /"same" is there more than once/,
      ],
    ];
    for (const [uris, fields, pattern] of cases) {
      await refused(fetchBlob(pull, uris, fields), pattern);
      await refused(fetchDirectory(pull, uris, fields), pattern);
      await refused(pushBlob(push, uris, digest, fields), pattern);
      await refused(pushDirectory(push, uris, digest, fields), pattern);
    }
    await pushBlob(push, many(100), digest, { qualifiers: qualifiers(100, 600) });
    await fetchBlob(pull, many(100).toReversed(), { qualifiers: qualifiers(100, 600) });
  });

  test('has a bound on references, all of them together', async () => {
    const { digest } = await stored();
    const references = (count: number) => Array.from({ length: count }, () => digest);
    const uri = freshUri();
    await refused(pushBlob(push, [uri], digest, { referencesBlobs: references(100_001) }), /at most 100000/);
    const uris = [freshUri(), freshUri(), freshUri()];
    await refused(
      pushBlob(push, uris, digest, { referencesBlobs: references(99_000) }),
      /for all URIs together/,
    );
    await pushBlob(push, [uri], digest, { referencesBlobs: references(50_000) });
    assert.deepEqual((await fetchBlob(pull, [uri])).blobDigest, digest);
  });

  test('has digests and instance names that are some', async () => {
    const { digest } = await stored();
    const uri = freshUri();
    const bad = { hash: '../../etc/passwd', sizeBytes: 1n };
    await refused(pushBlob(push, [uri], bad), /hash of the digest of the asset/);
    await refused(pushDirectory(push, [uri], bad), /hash of the digest of the asset/);
    await refused(pushBlob(push, [uri], digest, { referencesBlobs: [bad] }), /hash of the referenced blob/);
    await refused(
      pushBlob(push, [uri], digest, { referencesDirectories: [{ ...digest, sizeBytes: -1n }] }),
      /size of the referenced directory is negative/,
    );
    for (const instanceName of ['../..', 'a//b', '/', 'main/blobs']) {
      await refused(pushBlob(push, [uri], digest, { instanceName }), /instance name/);
      await refused(fetchBlob(pull, [uri], { instanceName }), /instance name/);
    }
    await refused(fetchBlob(pull, [uri], { digestFunction: 7 }), /digest function 7 is not offered/);
    assert.equal((await failure(fetchBlob(pull, [uri]))).status, 'NOT_FOUND');
  });

  test('is about one digest function: the one it names, or what the length of a hash tells', async () => {
    const data = randomBlob(100).data;
    const digest = { hash: await blake3(data), sizeBytes: BigInt(data.length) };
    const digestFunction = DigestFunction_Value.BLAKE3;
    const { responses } = await push.cas.batchUpdateBlobs({
      instanceName: '',
      requests: [{ digest, data, compressor: 0 }],
      digestFunction,
    });
    assert.equal(responses[0]?.status?.code ?? 0, 0);
    const uri = freshUri();
    await pushBlob(push, [uri], digest, { digestFunction, referencesBlobs: [digest] });
    const answer = await fetchBlob(pull, [uri], { digestFunction });
    assert.deepEqual(answer.blobDigest, digest);
    assert.equal(answer.digestFunction, digestFunction);
    for (const other of [0, DigestFunction_Value.SHA256] as const) {
      const call = fetchBlob(pull, [uri], { digestFunction: other });
      assert.equal((await failure(call)).status, 'NOT_FOUND');
    }
    const sha256 = await stored();
    await pushBlob(push, [uri], sha256.digest);
    for (const asked of [0, DigestFunction_Value.SHA256] as const) {
      const { blobDigest } = await fetchBlob(pull, [uri], { digestFunction: asked });
      assert.deepEqual(blobDigest, sha256.digest);
    }
    assert.equal((await failure(fetchBlob(pull, [uri], { digestFunction }))).status, 'NOT_FOUND');
  });
});
