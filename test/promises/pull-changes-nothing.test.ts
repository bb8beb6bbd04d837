// Who may only pull cannot change the volume, by whatever calls: names, kinds, rights and contents of everything on it.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { describe, test, type TestContext } from 'node:test';
import * as fc from 'fast-check';
import { eventually } from '../support/eventually.ts';
import { assertNoFaultOfOurs } from '../support/faults-of-ours.ts';
import { type FolderState, folderState } from '../support/fuzz-folder.ts';
import { allMethods, rawCall } from '../support/fuzz-raw.ts';
import { withoutOwnWork } from '../support/own-work.ts';
import { figure, seededRandom, sized } from '../support/promise-size.ts';
import { requestsAbout } from '../support/pull-requests.ts';
import { fill, type Filled, pullListener, type Site, tokenOnPushListener } from '../support/pull-site.ts';
import { directoryBlob } from '../support/trees.ts';
import { blobFile, quarantinedFile } from '../support/volume-damage.ts';
import {
  type Blob,
  downloadName,
  failure,
  findMissing,
  putBatch,
  randomBlob,
  read,
  uploadName,
  write,
} from '../support/wire.ts';

const runs = sized({ short: 300, long: 20_000 });
/** What the push port may do and the pull port must not. */
const writes = [
  '/Write',
  '/BatchUpdateBlobs',
  '/SpliceBlob',
  '/UpdateReference',
  '/UpdateActionResult',
  '/PushBlob',
  '/PushDirectory',
];

const digit = /[0-9a-f]/g;

/**
 * Paths of the HTTP protocol: what is there, what is not, and what leads elsewhere. They have no sizes, so that whoever asks
 * for a truncated blob finds it damaged; what follows from that has a test of its own.
 */
function paths({ blobs, truncated, actions }: Filled): string[] {
  const hashes = [
    ...blobs.filter((blob) => blob !== truncated).map(({ digest }) => digest.hash),
    ...actions.map((each) => each.actionDigest.hash),
  ];
  return [
    ...hashes.flatMap((hash) => [
      `/cas/${hash}`,
      `/ac/${hash}`,
      `/team/a/cas/${hash}`,
      `/cas/${hash.replace(digit, '0')}`,
    ]),
    '/ac/some-key',
    '/cas/../../weir/version',
    '/cas/..%2f..%2fweir%2fversion',
    '/weir/version',
    '/',
    '*',
  ];
}

/** Sends everything, in any order and several at once. */
async function storm(site: Site, subjects: Filled): Promise<{ calls: number; requests: number }> {
  const sent = { calls: 0, requests: 0 };
  const messages = fc.oneof(
    { weight: 8, arbitrary: fc.constantFrom(...requestsAbout(subjects)) },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 200 }) },
  );
  const call = fc.record({
    method: fc.constantFrom(...allMethods),
    messages: fc.array(messages, { maxLength: 2 }),
    claim: fc.constantFrom(...site.claims),
    hangUp: fc.boolean(),
  });
  const request = fc.record({
    verb: fc.constantFrom('GET', 'HEAD', 'PUT', 'POST', 'DELETE', 'PATCH', 'OPTIONS', 'PROPFIND', 'MOVE'),
    path: fc.constantFrom(...paths(subjects)),
    claim: fc.constantFrom(...site.claims, { 'x-weir-accel': '/v/' }, { range: 'bytes=1-2' }),
    body: fc.option(fc.uint8Array({ maxLength: 100 }), { nil: undefined }),
  });
  const several = fc.array(fc.oneof(call, request), { minLength: 1, maxLength: 5 });
  await fc.assert(
    fc.asyncProperty(several, async (each) => {
      const answers = each.map(async (one) => {
        if ('verb' in one) {
          sent.requests++;
          const status = await site.http(one.verb, one.path, one.claim, one.body);
          if (!['GET', 'HEAD'].includes(one.verb))
            assert.ok(status === 0 || status >= 400, `${one.verb}: ${status}`);
          return;
        }
        sent.calls++;
        const endless = one.method.endsWith('/Watch') || one.hangUp ? { hangUpMs: 20 } : {};
        const metadata = { ...one.claim, ...site.headers };
        const { status } = await rawCall(site.pull, one.method, one.messages, { metadata, ...endless });
        if (writes.some((name) => one.method.endsWith(name))) assert.notEqual(status, 'OK');
      });
      await Promise.all(answers);
    }),
    { seed: Math.floor(seededRandom(4)() * 2 ** 31), numRuns: runs, endOnFailure: true },
  );
  return sent;
}

const stateOf = async (volume: string) => withoutOwnWork(await folderState(volume, false));

/** What one has and the other has not, or otherwise. */
function differences(one: FolderState, other: FolderState): string[] {
  const paths = [...new Set([...Object.keys(one), ...Object.keys(other)])].sort();
  return paths.filter((path) => one[path] !== other[path]);
}

/** Waits until the volume is in this state; else fails with what is not. */
async function assertState(volume: string, expected: FolderState): Promise<void> {
  let different: string[] = [];
  const isSame = async () => {
    different = differences(expected, await stateOf(volume));
    return different.length === 0;
  };
  await eventually(isSame).catch(() => {});
  assert.deepEqual(different, []);
}

const sites: Record<string, () => Promise<Site>> = {
  'the pull listener on a socket file': () => pullListener(false),
  'the pull listener on a port': () => pullListener(true),
  'the push listener with a token for pulling': tokenOnPushListener,
};

for (const [where, start] of Object.entries(sites)) {
  void describe(`Who comes to ${where}`, () => {
    async function startFilled(t: TestContext) {
      const site = await start();
      t.after(() => site.stop());
      const subjects = await fill(site);
      return { site, subjects };
    }

    void test('leaves the volume as it is, whatever is called there and by whom', async (t) => {
      const { site, subjects } = await startFilled(t);
      const { volume } = site.weir;
      const before = await stateOf(volume);
      const sent = await storm(site, subjects);
      await assertState(volume, before);
      assertNoFaultOfOurs(site.weir.output());
      assert.doesNotMatch(site.weir.output(), /CN=admin/, 'the log says who a caller claims to be');
      const hash = createHash('sha256').update(JSON.stringify(before)).digest('hex');
      figure(t, { where, ...sent, entries: Object.keys(before).length, hash });

      // The same look sees a change.
      await putBatch(site.push, [randomBlob(10)]);
      assert.notDeepEqual(await stateOf(volume), before);
    });

    void test('is refused each write by its name, with what to use in its place', async (t) => {
      const { site, subjects } = await startFilled(t);
      const [message] = requestsAbout(subjects);
      assert.ok(message);
      for (const method of allMethods.filter((name) => writes.some((each) => name.endsWith(each)))) {
        for (const claim of site.claims) {
          const metadata = { ...claim, ...site.headers };
          const { status, message: words } = await rawCall(site.pull, method, [message], { metadata });
          assert.match(status, /^(PERMISSION_DENIED|INTERNAL)$/);
          if (status === 'PERMISSION_DENIED') assert.match(words, /to push, use /);
        }
      }
    });
  });
}

void test('all that follows from pulling a damaged blob is that it is set aside as it is', async (t) => {
  const site = await pullListener(false);
  t.after(() => site.stop());
  const { volume } = site.weir;
  const damaged = [randomBlob(1000), randomBlob(2_500_000), directoryBlob({ file: randomBlob(3) })];
  const others = [randomBlob(1000), randomBlob(2_500_000)];
  for (const blob of [...damaged, ...others]) await write(site.push, uploadName(blob), blob.data);
  const bad = (blob: Blob) => Buffer.from(blob.data).fill(7, 2);
  for (const blob of damaged) await writeFile(blobFile(volume, blob), bad(blob));
  const before = await stateOf(volume);

  const below = (path: string) => path.slice(volume.length + 1);
  const moved = damaged.map(
    (blob) => [below(blobFile(volume, blob)), below(quarantinedFile(volume, blob))] as const,
  );
  const after = Object.fromEntries(
    Object.entries(before).map(([path, entry]) => [
      moved.find(([from]) => from === path)?.[1] ?? path,
      entry,
    ]),
  );
  for (const blob of damaged) {
    const claimed = { ...blob.digest, sizeBytes: blob.digest.sizeBytes + 1n };
    await findMissing(site.pull, [blob.digest, claimed]);
    assert.equal((await failure(read(site.pull, downloadName(blob)))).status, 'NOT_FOUND');
  }
  for (const blob of others)
    assert.deepEqual(await read(site.pull, downloadName(blob)), Buffer.from(blob.data));
  await assertState(volume, after);
});
