import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { constants } from 'node:http2';
import { after, before, describe, test } from 'node:test';
import * as fc from 'fast-check';
import { WriteRequest } from '../../src/gen/google/bytestream/bytestream.ts';
import { framed, openStream, sessionTo } from '../support/fuzz-frames.ts';
import { tries } from '../support/fuzz-settings.ts';
import { type FuzzSite, startFuzzSite } from '../support/fuzz-site.ts';
import { type Attempt, attempts, messagesOf, ModelledUpload } from '../support/fuzz-uploads.ts';
import { verdictWithMessage } from '../support/fuzz-verdict.ts';
import { type Blob, downloadName, findMissing, randomBlob, read, uploadName } from '../support/wire.ts';

const sizes = [150_000, 70_000, 1000, 0];

describe('Uploads', () => {
  let site: FuzzSite;

  before(async () => {
    site = await startFuzzSite();
  });

  after(async () => await site.stop());

  async function sent(messages: readonly WriteRequest[], clients = site.push): Promise<string> {
    const call = clients.bytes.write(inOrder(messages));
    const { status, message } = await verdictWithMessage(call);
    site.assertTellsNoPath(message);
    return status === 'OK' ? `OK ${(await call).committedSize}` : status;
  }

  async function assertReadable(blob: Blob, readable: boolean): Promise<void> {
    assert.deepEqual(await findMissing(site.pull, [blob.digest]), readable ? [] : [blob.digest.hash]);
    const { status } = await verdictWithMessage(read(site.pull, downloadName(blob)));
    assert.equal(status, readable ? 'OK' : 'NOT_FOUND');
    if (readable) assert.deepEqual(await read(site.pull, downloadName(blob)), Buffer.from(blob.data));
  }

  test('one after the other do what their messages say, whatever they say', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(attempts, { maxLength: 8 }), async (sequence) => {
        // BuildStream uses one uuid for all blobs of a process.
        const uuid = randomUUID();
        const blobs = sizes.map((size) => randomBlob(size));
        const names = blobs.map((blob) => uploadName(blob, '', uuid));
        const models = blobs.map((blob, index) => new ModelledUpload(blob, names[index] ?? ''));
        // The blob of no bytes is always there.
        for (const [index, model] of models.entries()) model.complete = sizes[index] === 0;
        for (const attempt of sequence) {
          const [blob, model] = [blobs[attempt.blob], models[attempt.blob]];
          const [own, other] = [names[attempt.blob] ?? '', names[(attempt.blob + 1) % 4] ?? ''];
          if (blob === undefined || model === undefined) continue;
          const messages = messagesOf(attempt, blob, { own, other }, model.kept.length);
          assert.equal(await sent(messages), model.write(messages));
          const { committedSize, complete } = await site.push.bytes.queryWriteStatus({ resourceName: own });
          const committed = model.complete ? blob.data.length : model.kept.length;
          assert.deepEqual([committedSize, complete], [BigInt(committed), model.complete]);
        }
        for (const [index, blob] of blobs.entries())
          await assertReadable(blob, models[index]?.complete === true);
      }),
      tries(250),
    );
    await site.assertUnharmed();
  });

  test('of one name at once end with the right blob or none', async () => {
    const many = fc.array(attempts, { minLength: 2, maxLength: 10 });
    await fc.assert(
      fc.asyncProperty(many, fc.nat({ max: 3 }), async (sequence, index) => {
        const blob = randomBlob(sizes[index] ?? 0);
        const names = { own: uploadName(blob), other: uploadName(randomBlob(1)) };
        const answers = await Promise.all(
          sequence.map(async (attempt) => await sent(messagesOf(attempt, blob, names, 70_000))),
        );
        for (const answer of answers)
          assert.match(answer, /^(OK \d+|INVALID_ARGUMENT|FAILED_PRECONDITION|OUT_OF_RANGE|ABORTED)$/);
        const expected = sequence.some((attempt) => isRight(attempt, blob, names)) || blob.data.length === 0;
        const missing = await findMissing(site.pull, [blob.digest]);
        if (expected) assert.deepEqual(missing, []);
        if (missing.length === 0) await assertReadable(blob, true);
      }),
      tries(120),
    );
    await site.assertUnharmed();
  });

  test('whose callers hang up leave the blob whole or absent, and no file of theirs', async () => {
    const cut = fc.record({
      attempt: attempts,
      afterMessages: fc.nat({ max: 4 }),
      how: fc.constantFrom('cancel', 'close'),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(cut, { minLength: 1, maxLength: 6 }), async (cuts) => {
        const blob = randomBlob(150_000);
        const names = { own: uploadName(blob), other: uploadName(randomBlob(1)) };
        const ends = cuts.map(async ({ attempt, afterMessages, how }) => {
          const messages = messagesOf(attempt, blob, names, 0).slice(0, afterMessages);
          await hungUp(site.weir.pushAddress, messages, how);
        });
        await Promise.all(ends);
        // The server may still be at it: the blob is absent until it is whole.
        const reading = read(site.pull, downloadName(blob));
        const { status, message } = await verdictWithMessage(reading);
        if (status === 'OK') assert.deepEqual(await reading, Buffer.from(blob.data));
        else assert.equal(status, 'NOT_FOUND', message);
      }),
      tries(120),
    );
    await site.assertUnharmed();
  });

  test('that were cut and gone on with by several at once are finished by one', async () => {
    for (let round = 0; round < 10; round++) {
      const blob = randomBlob(300_000);
      const name = uploadName(blob);
      const part = (from: number, to: number, finishWrite: boolean) => ({
        resourceName: name,
        writeOffset: BigInt(from),
        finishWrite,
        data: blob.data.subarray(from, to),
      });
      assert.equal(await sent([part(0, 200_000, false)]), 'OK 200000');
      const rest = Array.from({ length: 6 }, () => sent([part(200_000, 300_000, true)]));
      const answers = await Promise.all(rest);
      assert.ok(answers.includes('OK 300000'), String(answers));
      for (const answer of answers) assert.match(answer, /^(OK 300000|ABORTED|FAILED_PRECONDITION)$/);
      await assertReadable(blob, true);
    }
    await site.assertUnharmed();
  });
});

/** Whether the attempt alone would bring the blob. */
function isRight(attempt: Attempt, blob: Blob, names: { own: string; other: string }): boolean {
  const model = new ModelledUpload(blob, names.own);
  const messages = messagesOf({ ...attempt, from: 'start' }, blob, names, 0);
  return attempt.from === 'start' && model.write(messages) !== '' && model.complete;
}

async function* inOrder(messages: readonly WriteRequest[]) {
  for (const message of messages) yield message;
}

/** Sends the messages, and then leaves: the call alone, or with the whole connection. */
async function hungUp(address: string, messages: readonly WriteRequest[], how: string): Promise<void> {
  const session = await sessionTo(address);
  const stream = openStream(session, '/google.bytestream.ByteStream/Write');
  stream.resume();
  const closed = once(stream, 'close');
  for (const message of messages) stream.write(framed(WriteRequest.encode(message).finish()));
  // Whatever has been sent by now, and it may have been answered.
  await new Promise((resolve) => setTimeout(resolve, 5));
  if (how === 'cancel') {
    stream.close(constants.NGHTTP2_CANCEL);
    await closed;
  }
  session.destroy();
}
