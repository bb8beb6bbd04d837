import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import * as fc from 'fast-check';
import type { Digest } from '../../src/gen/build/bazel/remote/execution/v2/remote_execution.ts';
import { digestsNear } from '../support/fuzz-digests.ts';
import { anyName } from '../support/fuzz-names.ts';
import { tries } from '../support/fuzz-settings.ts';
import { type FuzzSite, startFuzzSite } from '../support/fuzz-site.ts';
import { verdictWithMessage } from '../support/fuzz-verdict.ts';
import { blobOf, findMissing } from '../support/wire.ts';

const instances = fc.constantFrom('', '', 'main', 'main/a');

/** Of the digest functions that need not be named. */
const isValid = ({ hash, sizeBytes }: Digest) =>
  /^[0-9a-f]*$/.test(hash) &&
  [40, 64, 96, 128].includes(hash.length) &&
  sizeBytes >= 0n &&
  sizeBytes < 2n ** 53n;
const textOf = ({ hash, sizeBytes }: Digest) => `${hash}/${sizeBytes}`;

describe('A digest', () => {
  let site: FuzzSite;
  let digests: fc.Arbitrary<Digest>;
  const empty = blobOf('').digest;

  before(async () => {
    site = await startFuzzSite();
    digests = digestsNear([site.blob.digest, empty]);
  });

  after(async () => await site.stop());

  /** Those that are here when the test begins; nothing that it does adds any. */
  const isHere = (digest: Digest) => [textOf(site.blob.digest), textOf(empty)].includes(textOf(digest));

  async function answer(call: Promise<unknown>): Promise<string> {
    const { status, message } = await verdictWithMessage(call);
    site.assertTellsNoPath(message);
    return status;
  }

  test('in FindMissingBlobs is missing, here or invalid, and nothing else', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(digests, { maxLength: 6 }), instances, async (asked, instance) => {
        const call = findMissing(site.pull, asked, instance);
        if (!asked.every(isValid)) assert.equal(await answer(call), 'INVALID_ARGUMENT');
        else {
          const expected = new Map(
            asked.filter((digest) => !isHere(digest)).map((digest) => [textOf(digest), digest.hash]),
          );
          assert.deepEqual(await call, [...expected.values()]);
        }
      }),
      tries(800),
    );
    await site.assertUnharmed();
  });

  test('in BatchReadBlobs gives its bytes or NOT_FOUND', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(digests, { maxLength: 6 }), async (asked) => {
        const call = site.pull.cas.batchReadBlobs({
          instanceName: '',
          digests: asked,
          acceptableCompressors: [],
          digestFunction: 0,
        });
        const total = asked.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0n);
        if (!asked.every(isValid) || total > 4n * 1024n * 1024n)
          return assert.equal(await answer(call), 'INVALID_ARGUMENT');
        for (const { digest, status, data } of (await call).responses) {
          site.assertTellsNoPath(status?.message ?? '');
          assert.equal(status?.code, digest !== undefined && isHere(digest) ? 0 : 5);
          if (digest !== undefined && status?.code === 0) assert.deepEqual(blobOf(data).digest, digest);
        }
      }),
      tries(600),
    );
    await site.assertUnharmed();
  });

  test('in BatchUpdateBlobs stores only bytes that give it', async () => {
    const data = fc.oneof(fc.constant(Buffer.from(site.blob.data)), fc.uint8Array({ maxLength: 40 }));
    const requests = fc.array(fc.record({ digest: digests, data, compressor: fc.constant(0 as const) }), {
      maxLength: 4,
    });
    await fc.assert(
      fc.asyncProperty(requests, async (asked) => {
        const call = site.push.cas.batchUpdateBlobs({ instanceName: '', requests: asked, digestFunction: 0 });
        const claimed = asked.reduce((sum, { digest }) => sum + digest.sizeBytes, 0n);
        if (!asked.every(({ digest }) => isValid(digest)) || claimed > 4n * 1024n * 1024n)
          return assert.equal(await answer(call), 'INVALID_ARGUMENT');
        for (const [index, { digest, status }] of (await call).responses.entries()) {
          const right = textOf(blobOf(asked[index]?.data ?? '').digest) === textOf(digest ?? empty);
          assert.equal(status?.code, right ? 0 : 9, status?.message);
          site.assertTellsNoPath(status?.message ?? '');
        }
      }),
      tries(600),
    );
    const others = [{ hash: 'f'.repeat(64), sizeBytes: 36n }];
    assert.deepEqual(await findMissing(site.pull, others), ['f'.repeat(64)]);
    await site.assertUnharmed();
  });

  test('as a root has a documented status', async () => {
    const documented = ['OK', 'INVALID_ARGUMENT', 'NOT_FOUND', 'FAILED_PRECONDITION', 'RESOURCE_EXHAUSTED'];
    await fc.assert(
      fc.asyncProperty(
        fc.option(digests, { nil: undefined }),
        fc.integer(),
        fc.oneof(anyName, fc.constant('')),
        async (root, pageSize, pageToken) => {
          const request = {
            instanceName: '',
            rootDigest: root,
            pageSize,
            pageToken,
            digestFunction: 0 as const,
          };
          const tree = await answer(drained(site.pull.cas.getTree(request)));
          const update = await answer(
            site.push.references.updateReference({
              instanceName: '',
              keys: ['fuzz/digest/root'],
              digest: root,
            }),
          );
          const expected = root !== undefined && isValid(root) ? documented : ['INVALID_ARGUMENT'];
          assert.ok(expected.includes(tree) && expected.includes(update), `${tree} ${update}`);
          // Only the empty directory is a tree here.
          assert.equal(update === 'OK', root !== undefined && textOf(root) === textOf(empty));
        },
      ),
      tries(600),
    );
    await site.assertUnharmed();
  });
});

async function drained(stream: AsyncIterable<unknown>): Promise<void> {
  for await (const message of stream) assert.ok(message);
}
