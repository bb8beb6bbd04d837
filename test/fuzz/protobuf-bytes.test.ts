import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import * as fc from 'fast-check';
import { editedMessage, validMessages } from '../support/fuzz-messages.ts';
import { memoryOf } from '../support/fuzz-process.ts';
import { allMethods, rawCall } from '../support/fuzz-raw.ts';
import { tries } from '../support/fuzz-settings.ts';
import { type FuzzSite, startFuzzSite } from '../support/fuzz-site.ts';

const MiB = 1024 * 1024;
/** What no input may lead to. A hang would be DEADLINE_EXCEEDED, a crash UNAVAILABLE. */
const never = ['UNKNOWN', 'DEADLINE_EXCEEDED', 'UNAVAILABLE', 'DATA_LOSS', 'ABORTED'];
const internals = /^(Error deserializing request|Failed to decompress message)/;

describe('The bytes of a message', () => {
  let site: FuzzSite;
  let valid: Uint8Array[];

  before(async () => {
    site = await startFuzzSite();
    valid = validMessages(site.blob);
  });

  after(async () => await site.stop());

  const methods = fc.constantFrom(...allMethods);

  async function send(method: string, messages: readonly Uint8Array[], metadata = {}): Promise<string> {
    // A watch of the health has no end of its own.
    const endless = method.endsWith('/Watch') ? { hangUpMs: 100 } : {};
    const { status, message } = await rawCall(site.push, method, messages, { metadata, ...endless });
    assert.ok(!never.includes(status), `${method}: ${status} ${message}`);
    if (status === 'INTERNAL') assert.match(message, internals);
    site.assertTellsNoPath(message);
    return status;
  }

  test('at random never lead to UNKNOWN, a hang or a crash', async () => {
    const messages = fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 3 });
    await fc.assert(
      fc.asyncProperty(methods, messages, async (method, bytes) => void (await send(method, bytes))),
      tries(900),
    );
    await site.assertUnharmed();
  });

  test('of a valid message, changed or sent to another method, never do either', async () => {
    const message = editedMessage(valid);
    await fc.assert(
      fc.asyncProperty(
        methods,
        fc.array(message, { minLength: 1, maxLength: 3 }),
        async (method, messages) => {
          await send(method, messages);
        },
      ),
      tries(1800),
    );
    await site.assertUnharmed();
  });

  test('with headers that make no sense never do either', async () => {
    const name = fc.constantFrom(
      'grpc-timeout',
      'grpc-encoding',
      'grpc-accept-encoding',
      'x-bin',
      'authorization',
      'user-agent',
      'x-forwarded-for',
      'x-weir-client-subject',
      'x-weir-client-fingerprint',
      'content-encoding',
      'requestmetadata-bin',
    );
    const value = fc.oneof(
      fc.constantFrom(
        '',
        '0n',
        '1n',
        '99999999H',
        '-1S',
        '1',
        'gzip',
        'identity',
        'zstd',
        'gzip,deflate',
        'AAAA',
        '%',
      ),
      fc.string({ minLength: 1, maxLength: 60 }).map((text) => text.replaceAll(/[^ -~]/g, '').trim()),
    );
    await fc.assert(
      fc.asyncProperty(methods, name, value, fc.nat(), async (method, header, text, index) => {
        const metadata = header.endsWith('-bin') ? {} : { [header]: text };
        const message = valid[index % valid.length] ?? new Uint8Array();
        const endless = method.endsWith('/Watch') ? { hangUpMs: 100 } : {};
        const { status, message: details } = await rawCall(site.push, method, [message], {
          metadata,
          ...endless,
        });
        const allowed = header === 'grpc-timeout' ? ['UNKNOWN', 'DATA_LOSS', 'UNAVAILABLE'] : never;
        assert.ok(!allowed.includes(status), `${header}: ${text} led to ${status} ${details} of ${method}`);
      }),
      tries(500),
    );
    await site.assertUnharmed();
  });

  test('that say of themselves that there are millions of parts cost bounded memory', async () => {
    const cas = '/build.bazel.remote.execution.v2.ContentAddressableStorage';
    const bombs: [method: string, tag: number][] = [
      [`${cas}/FindMissingBlobs`, 0x12],
      [`${cas}/BatchReadBlobs`, 0x12],
      [`${cas}/BatchUpdateBlobs`, 0x12],
      [`${cas}/GetTree`, 0x12],
      ['/buildstream.v2.ReferenceStorage/UpdateReference', 0x12],
      ['/build.bazel.remote.execution.v2.ActionCache/GetActionResult', 0x2a],
      // Groups within groups, which nothing here has, and a number without end.
      [`${cas}/FindMissingBlobs`, 0x0b],
      ['/google.bytestream.ByteStream/Write', 0x7b],
      ['/google.bytestream.ByteStream/Read', 0xff],
    ];
    for (const [method, tag] of bombs) {
      const bytes = [0x12, 0x2a].includes(tag) ? [tag, 0] : [tag];
      await send(method, [Buffer.alloc(7 * MiB, Buffer.from(bytes))]);
    }
    const most = await memoryOf(site.weir.pid, 'most');
    assert.ok(most < 1500 * MiB, `the server held ${Math.round(most / MiB)} MiB`);
    await site.assertUnharmed();
  });

  test('beyond the longest message are refused with RESOURCE_EXHAUSTED', async () => {
    for (const method of allMethods.filter((name) => !name.endsWith('/Watch')))
      assert.equal(await send(method, [Buffer.alloc(8 * MiB + 1)]), 'RESOURCE_EXHAUSTED', method);
    await site.assertUnharmed();
  });
});
