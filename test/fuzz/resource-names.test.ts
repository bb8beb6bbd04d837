import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { zstdDecompressSync } from 'node:zlib';
import * as fc from 'fast-check';
import { anyName, mutated, validNames } from '../support/fuzz-names.ts';
import { tries } from '../support/fuzz-settings.ts';
import { type FuzzSite, startFuzzSite } from '../support/fuzz-site.ts';
import { verdictWithMessage } from '../support/fuzz-verdict.ts';
import { type Blob, randomBlob, read } from '../support/wire.ts';

/** What each method may say to a name, whatever it is. */
const documented = {
  Read: ['OK', 'NOT_FOUND', 'UNIMPLEMENTED', 'OUT_OF_RANGE', 'INVALID_ARGUMENT'],
  Write: ['OK', 'NOT_FOUND', 'UNIMPLEMENTED', 'FAILED_PRECONDITION', 'OUT_OF_RANGE', 'RESOURCE_EXHAUSTED'],
  QueryWriteStatus: ['OK', 'NOT_FOUND', 'UNIMPLEMENTED'],
};

describe('A resource name', () => {
  let site: FuzzSite;
  let names: fc.Arbitrary<string>;
  const absent = randomBlob(100);

  before(async () => {
    site = await startFuzzSite();
    names = fc.oneof(anyName, mutated(validNames([site.blob, absent])));
  });

  after(async () => await site.stop());

  async function answers(method: keyof typeof documented, call: Promise<unknown>): Promise<string> {
    const { status, message } = await verdictWithMessage(call);
    assert.ok(documented[method].includes(status), `${method} said ${status}: ${message}`);
    if (status !== 'OK') assert.match(message, /\S{3,} \S+/, 'a sentence says what was wrong');
    site.assertTellsNoPath(message);
    return status;
  }

  test('to read from is answered with the blob it means or with a documented status', async () => {
    const offsets = fc.oneof(
      fc.constant(0n),
      fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
      fc.bigInt(-2n, 200n),
    );
    await fc.assert(
      fc.asyncProperty(names, offsets, offsets, async (name, offset, limit) => {
        const status = await answers('Read', read(site.pull, name, offset, limit));
        if (status !== 'OK') return;
        const sent = await read(site.pull, name);
        const bytes = name.includes('compressed-blobs/') ? zstdDecompressSync(sent) : sent;
        assert.ok(name.includes(createHash('sha256').update(bytes).digest('hex')));
      }),
      tries(1200),
    );
    await site.assertUnharmed();
  });

  test('to write to is answered with a documented status, and stores nothing but what it names', async () => {
    await fc.assert(
      fc.asyncProperty(
        names,
        fc.boolean(),
        fc.constantFrom(site.blob, absent),
        async (name, finish, blob) => {
          await answers('Write', site.push.bytes.write(oneMessage(name, blob, finish)));
        },
      ),
      tries(1200),
    );
    await site.assertUnharmed();
  });

  test('to ask about is answered with a documented status', async () => {
    await fc.assert(
      fc.asyncProperty(names, async (resourceName) => {
        await answers('QueryWriteStatus', site.pull.bytes.queryWriteStatus({ resourceName }));
      }),
      tries(600),
    );
    await site.assertUnharmed();
  });

  test('of a megabyte is answered like any other', async () => {
    for (const name of [
      'a'.repeat(1_000_000),
      '/'.repeat(1_000_000),
      '../'.repeat(400_000),
      '\0'.repeat(1_000_000),
    ]) {
      await answers('Read', read(site.pull, name));
      await answers('Write', site.push.bytes.write(oneMessage(name, absent, true)));
      await answers('QueryWriteStatus', site.pull.bytes.queryWriteStatus({ resourceName: name }));
    }
    await site.assertUnharmed();
  });
});

async function* oneMessage(resourceName: string, { data }: Blob, finishWrite: boolean) {
  yield { resourceName, writeOffset: 0n, finishWrite, data };
}
