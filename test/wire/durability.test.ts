import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { putBlobs, sampleAction, updateAction } from '../support/action-samples.ts';
import { assetFile, freshUri, pushBlob, pushDirectory } from '../support/assets.ts';
import { eventually } from '../support/eventually.ts';
import { hurt } from '../support/hurt.ts';
import { testWith } from '../support/real-parts.ts';
import { traced, type TracedCall } from '../support/traced.ts';
import { sampleTree } from '../support/trees.ts';
import { exists, quarantinedFile } from '../support/volume-damage.ts';
import { startWeir, type Weir } from '../support/weir.ts';
import { type Blob, type Clients, clientsAt, failure, findMissing, randomBlob } from '../support/wire.ts';

const syncs = ['fsync', 'fdatasync', 'sync_file_range', 'syncfs', 'sync'];
const renames = ['rename', 'renameat', 'renameat2'];
const opens = ['open', 'openat', 'openat2'];

/** Something that was pushed: the blobs that it reaches, and the files of its names. */
interface Pushed {
  readonly blobs: Iterable<Blob>;
  readonly names: readonly string[];
}

const pushes: Record<string, (push: Clients, volume: string) => Promise<Pushed>> = {
  async UpdateReference(push, volume) {
    const { root, blobs } = sampleTree();
    await putBlobs(push, blobs);
    const keys = ['new/folder/key', 'new/folder/other'];
    await push.references.updateReference({ instanceName: '', keys, digest: root.digest });
    return { blobs, names: keys.map((key) => join(volume, 'cas', 'refs', 'heads', key)) };
  },
  async UpdateActionResult(push, volume) {
    const action = await sampleAction();
    await putBlobs(push, action.blobs.values());
    await updateAction(push, action);
    const { hash } = action.actionDigest;
    const name = join(volume, 'weir', 'ac', '=', 'sha256', hash.slice(0, 2), hash.slice(2));
    return { blobs: action.blobs.values(), names: [name] };
  },
  async PushBlob(push, volume) {
    const [blob, besides, tree, uri] = [randomBlob(2000), randomBlob(3000), sampleTree(), freshUri()];
    await putBlobs(push, [blob, besides, ...tree.blobs]);
    const referencesDirectories = [tree.root.digest];
    await pushBlob(push, [uri], blob.digest, { referencesBlobs: [besides.digest], referencesDirectories });
    return { blobs: [blob, besides, ...tree.blobs], names: [assetFile(volume, 'blob', uri)] };
  },
  async PushDirectory(push, volume) {
    const [tree, uri] = [sampleTree(), freshUri()];
    await putBlobs(push, tree.blobs);
    await pushDirectory(push, [uri], tree.root.digest);
    return { blobs: tree.blobs, names: [assetFile(volume, 'directory', uri)] };
  },
};

for (const [method, act] of Object.entries(pushes)) {
  testWith('strace')(
    `${method} brings the blobs to the disk, then what leads to them, then its name, and answers after that`,
    async (t) => {
      const { pushed, calls, volume } = await tracedPush(t, act, {});
      for (const name of pushed.names) expectInOrder(calls, volume, name, pushed.blobs);
    },
  );
}

testWith('strace')('DURABILITY=relaxed brings nothing to the disk before it answers', async (t) => {
  for (const act of Object.values(pushes)) {
    const { pushed, calls } = await tracedPush(t, act, { DURABILITY: 'relaxed' });
    for (const name of pushed.names)
      assert.ok(calls.some(({ name: call, args }) => renames.includes(call) && args.includes(`"${name}"`)));
    assert.deepEqual(
      calls.filter(({ name }) => syncs.includes(name)),
      [],
    );
  }
});

testWith('strace')(
  'a blob that cannot be brought to the disk is never acknowledged, nor asked about again',
  async (t) => {
    const { weir, push } = await server(t, {});
    const { root, blobs } = sampleTree();
    await putBlobs(push, blobs);
    const update = () =>
      push.references.updateReference({ instanceName: '', keys: ['key'], digest: root.digest });
    const fault = await hurt(weir.pid, { calls: ['fdatasync'], fault: 'error=EIO', when: '1+' });
    const refusal = await failure(update());
    await fault.end();
    assert.equal(refusal.status, 'UNAVAILABLE');
    // The kernel has forgotten by now that the bytes are not on the disk: only a new file will do.
    const missing = await findMissing(
      push,
      blobs.map(({ digest }) => digest),
    );
    assert.ok(missing.length > 0, 'what failed is missing');
    // The blob of no bytes is never missing: it is made anew.
    for (const blob of blobs.filter(({ data }) => data.length > 0))
      assert.equal(await exists(quarantinedFile(weir.volume, blob)), missing.includes(blob.digest.hash));
    assert.equal((await failure(update())).status, 'FAILED_PRECONDITION');
    await putBlobs(push, blobs);
    await update();
  },
);

testWith('strace')(
  'a reference that cannot be brought to the disk is not acknowledged, and leaves nothing',
  async (t) => {
    const { weir, push } = await server(t, {});
    const { root, blobs } = sampleTree();
    await putBlobs(push, blobs);
    const update = () =>
      push.references.updateReference({ instanceName: '', keys: ['key'], digest: root.digest });
    await update();
    const [next, key] = [sampleTree(), 'key'];
    await putBlobs(push, next.blobs);
    await pushDirectory(push, [freshUri()], next.root.digest);
    const fault = await hurt(weir.pid, { calls: ['fsync'], fault: 'error=EIO', when: '1+' });
    const refusal = await failure(
      push.references.updateReference({ instanceName: '', keys: [key], digest: next.root.digest }),
    );
    await fault.end();
    assert.equal(refusal.status, 'UNAVAILABLE');
    const { digest } = await push.references.getReference({ instanceName: '', key });
    assert.equal(digest?.hash, root.digest.hash, 'the old one is there');
  },
);

void test('relaxed durability is said in the log, and a setting that has to make sense', async (t) => {
  const { weir } = await server(t, { DURABILITY: 'relaxed' });
  await eventually(() => weir.output().includes('a power cut may lose the last of them'));
  const strict = await server(t, {});
  assert.doesNotMatch(strict.weir.output(), /power cut/);
  const refused = (command: string, args: string[], env: Record<string, string>) => {
    try {
      const bin = join(import.meta.dirname, '..', '..', 'bin', command);
      execFileSync(process.execPath, [bin, ...args], { env: { ...process.env, ...env }, stdio: 'pipe' });
    } catch (error) {
      return String((error as { stderr: Buffer }).stderr);
    }
    return '';
  };
  assert.match(refused('weir', ['serve'], { DURABILITY: 'some' }), /DURABILITY: .*some/);
  assert.match(
    refused('bst-artifact-server', ['--port', '0', '--durability', 'some', '.'], {}),
    /'--durability': 'some' is not one of 'strict', 'relaxed'/,
  );
});

interface After {
  after(action: () => Promise<void>): void;
}

async function server(t: After, env: Record<string, string>): Promise<{ weir: Weir; push: Clients }> {
  const weir = await startWeir({ env });
  const push = clientsAt(weir.pushAddress);
  t.after(async () => {
    push.close();
    await weir.stop();
  });
  return { weir, push };
}

const lastKey = 'asked/for/after/the/push';

/** What a server has called from before a push until it was asked for something else after it. */
async function tracedPush(t: After, act: (typeof pushes)[string], env: Record<string, string>) {
  const { weir, push } = await server(t, env);
  const trace = await traced(
    weir.pid,
    [...syncs, ...renames, ...opens].map((name) => `?${name}`),
  );
  const pushed = await act(push, weir.volume);
  // Whatever the server does for this request it does after it has answered the other.
  await failure(push.references.getReference({ instanceName: '', key: lastKey }));
  return { pushed, calls: await trace.calls(), volume: weir.volume };
}

function expectInOrder(calls: TracedCall[], volume: string, name: string, blobs: Iterable<Blob>): void {
  // The first try may find no folder for it.
  const renamed = calls.filter(
    (call) => call.succeeded && renames.includes(call.name) && call.args.includes(`"${name}"`),
  );
  assert.equal(renamed.length, 1, `${name} gets its name once`);
  const [, from = '', to = ''] = /"([^"]*)".*"([^"]*)"/.exec(renamed[0]?.args ?? '') ?? [];
  const { begun, ended } = renamed[0] ?? { begun: 0, ended: 0 };
  const answered = calls.find((call) => opens.includes(call.name) && call.args.includes(lastKey));
  assert.ok(answered !== undefined, 'the request after the push was seen');
  const synced = (path: string, after: number, before: number) =>
    calls.some(
      (call) =>
        call.succeeded &&
        syncs.includes(call.name) &&
        call.args.includes(`<${path}>`) &&
        call.begun > after &&
        call.ended < before,
    );

  for (const { digest } of blobs) {
    const path = join(volume, 'cas', 'objects', digest.hash.slice(0, 2), digest.hash.slice(2));
    assert.ok(synced(path, -1, begun), `${path} is on disk before something that leads to it has its name`);
    assert.ok(synced(dirname(path), -1, begun), `so is the name of ${path}`);
  }
  assert.ok(synced(from, -1, begun), 'what leads to them is on disk before it has its name');
  for (let folder = dirname(to); folder.length >= volume.length; folder = dirname(folder))
    assert.ok(synced(folder, ended, answered.begun), `${folder} is on disk before the answer`);
}
