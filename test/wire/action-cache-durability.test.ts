import assert from 'node:assert/strict';
import { dirname, join } from 'node:path';
import { putBlobs, sampleAction, updateAction } from '../support/action-samples.ts';
import { testWith } from '../support/real-parts.ts';
import { traced } from '../support/traced.ts';
import { startWeir } from '../support/weir.ts';
import { clientsAt, failure } from '../support/wire.ts';

const syncs = ['fsync', 'fdatasync', 'sync_file_range', 'syncfs', 'sync'];
const renames = ['rename', 'renameat', 'renameat2'];
const opens = ['open', 'openat', 'openat2'];

testWith('strace')(
  'UpdateActionResult brings the blobs to the disk, then the result, then its name, and answers after that',
  async (t) => {
    const weir = await startWeir();
    const push = clientsAt(weir.pushAddress);
    t.after(async () => {
      push.close();
      await weir.stop();
    });
    const trace = await traced(
      weir.pid,
      [...syncs, ...renames, ...opens].map((name) => `?${name}`),
    );
    const action = await sampleAction();
    await putBlobs(push, action.blobs.values());
    await updateAction(push, action);
    // Whatever the server does for this request it does after it has answered the other.
    const key = 'asked/for/after/the/update';
    await failure(push.references.getReference({ instanceName: '', key }));
    const calls = await trace.calls();

    const cache = join(weir.volume, 'weir', 'ac');
    const renamed = calls.filter(({ name, args }) => renames.includes(name) && args.includes(`"${cache}/`));
    assert.equal(renamed.length, 1, 'one name in the action cache');
    const [, from = '', to = ''] = /"([^"]*)".*"([^"]*)"/.exec(renamed[0]?.args ?? '') ?? [];
    const { begun, ended } = renamed[0] ?? { begun: 0, ended: 0 };
    const answered = calls.find(({ name, args }) => opens.includes(name) && args.includes(key));
    assert.ok(answered !== undefined, 'the request after the update was seen');
    const synced = (path: string, after: number, before: number) =>
      calls.some(
        (call) =>
          call.succeeded &&
          syncs.includes(call.name) &&
          call.args.includes(`<${path}>`) &&
          call.begun > after &&
          call.ended < before,
      );

    for (const [what, { digest }] of action.blobs) {
      const path = join(weir.volume, 'cas', 'objects', digest.hash.slice(0, 2), digest.hash.slice(2));
      assert.ok(synced(path, -1, begun), `${what} is on disk before the result has its name`);
      assert.ok(synced(dirname(path), -1, begun), `so is the name of ${what}`);
    }
    assert.ok(synced(from, -1, begun), 'the result is on disk before it has its name');
    for (let folder = dirname(to); folder.length >= weir.volume.length; folder = dirname(folder))
      assert.ok(synced(folder, ended, answered.begun), `${folder} is on disk before the answer`);
  },
);
