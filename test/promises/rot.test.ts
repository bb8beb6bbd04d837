// R7: what disks do to stored bytes is never given out, is found, and is healed by an upload.
import assert from 'node:assert/strict';
import { createReadStream } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import pMap from 'p-map';
import { digestFunctionOf } from '../support/action-samples.ts';
import { eventually } from '../support/eventually.ts';
import { folderState } from '../support/fuzz-folder.ts';
import { fsck } from '../support/fsck.ts';
import { ask } from '../support/http-cache.ts';
import { withoutOwnWork } from '../support/own-work.ts';
import { figure, seededRandom, sized } from '../support/promise-size.ts';
import { below, damageFile, someBlobs, type Stored } from '../support/rot-corpus.ts';
import { readBy, type Reader, readerAt, type Verdict, ways } from '../support/rot-reads.ts';
import { uploads } from '../support/rot-uploads.ts';
import { scraped } from '../support/scraped.ts';
import { blobFile, exists, quarantinedFile } from '../support/volume-damage.ts';
import { startWeir, type Weir } from '../support/weir.ts';
import { type Clients, clientsAt } from '../support/wire.ts';

const { rounds, damages } = sized({ short: { rounds: 1, damages: 300 }, long: { rounds: 20, damages: 500 } });
const spared = 60;
const atOnce = 8;
const passDone = 'scrubbed all blobs';
const pullOnly = { PUSH_LISTEN: 'none', PUSH_HTTP_LISTEN: 'none' };
const scrubbing = { SCRUB_BYTES_PER_SECOND: '1e9' };

type Random = () => number;
type Tally = Record<Verdict, number>;

async function freshVolume(t: TestContext): Promise<string> {
  const volume = await mkdtemp(join(tmpdir(), 'weir-rot-'));
  t.after(() => rm(volume, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 }));
  return volume;
}

/** A server on the volume, for as long as the work takes. */
async function serving<T>(
  volume: string,
  env: Record<string, string>,
  work: (weir: Weir, clients: Clients) => Promise<T>,
): Promise<T> {
  const weir = await startWeir({ volume, http: true, env });
  const clients = clientsAt('none' === env['PUSH_LISTEN'] ? weir.pullAddress : weir.pushAddress);
  try {
    return await work(weir, clients);
  } finally {
    clients.close();
    await weir.stop();
  }
}

const fileOf = (volume: string, { blob, hashing }: Stored) => blobFile(volume, blob, hashing);
/** Compared in place of blobs: the difference of two long lists of bytes takes more memory than a machine has. */
const hashesOf = (blobs: readonly Stored[]) => blobs.map(({ blob }) => blob.digest.hash);
const isEmpty = ({ blob }: Stored) => blob.data.length === 0;
const oneOf = <T>(choices: Readonly<Record<string, T>>, random: Random): T => {
  const all = Object.values(choices);
  return all[below(all.length, random)] as T;
};

const stateOf = async (volume: string) => withoutOwnWork(await folderState(volume, false));

/** The empty blob is made anew by whoever finds that it is not there. */
async function assertSetAside(volume: string, stored: Stored): Promise<void> {
  if (isEmpty(stored)) return;
  const hash = stored.blob.digest.hash;
  assert.ok(!(await exists(fileOf(volume, stored))), `${hash} was not set aside`);
  assert.ok(
    await exists(quarantinedFile(volume, stored.blob, stored.hashing)),
    `${hash} is not in the quarantine`,
  );
}

/** How one of them is to be stored. A server that needs no body hangs up on who sends one: then nobody can tell what it said. */
function someUpload(stored: Stored, random: Random) {
  return isEmpty(stored) ? uploads.BatchUpdateBlobs : oneOf(uploads, random);
}

/** Reads all of these blobs in every way, or in some. */
async function readAll(
  reader: Reader,
  blobs: readonly Stored[],
  names: readonly (keyof typeof ways)[] = Object.keys(ways) as (keyof typeof ways)[],
): Promise<Tally> {
  const tally: Tally = { right: 0, corrupt: 0, refused: 0, 'not tried': 0 };
  const tasks = blobs.flatMap((stored) => names.map((name) => ({ stored, way: ways[name] })));
  await pMap(tasks, async ({ stored, way }) => void tally[await readBy(way, reader, stored)]++, {
    concurrency: atOnce,
  });
  return tally;
}

/** Of these, those that FindMissingBlobs says are missing. */
async function missingOf(clients: Clients, blobs: readonly Stored[]): Promise<Stored[]> {
  const missing = await pMap(
    blobs,
    async ({ blob, hashing }) => {
      const digestFunction = digestFunctionOf(hashing);
      const request = { instanceName: '', blobDigests: [blob.digest], digestFunction };
      return (await clients.cas.findMissingBlobs(request)).missingBlobDigests.length > 0;
    },
    { concurrency: atOnce },
  );
  return blobs.filter((_, index) => missing[index]);
}

/** Stores them again, each in one of the ways, and fails unless each can be read then, by everybody and at once. */
async function heal(weir: Weir, clients: Clients, blobs: readonly Stored[], random: Random): Promise<void> {
  const reader = readerAt(weir, 'pull');
  const tasks = blobs.map((stored) => ({
    stored,
    upload: someUpload(stored, random),
    way: oneOf(ways, random),
  }));
  await pMap(
    tasks,
    async ({ stored, upload, way }) => {
      await upload(weir, clients, stored);
      assert.equal(await readBy(ways.Read, reader, stored), 'right');
      assert.notEqual(await readBy(way, reader, stored), 'corrupt');
    },
    { concurrency: atOnce },
  );
  reader.close();
}

void test('no damaged blob is given out whole; all are found in a pass, and healed by uploads', async (t) => {
  const figures = {
    damages: 0,
    read: 0,
    corrupt: 0,
    fromMemory: 0,
    quarantined: 0,
    healed: 0,
    kinds: {} as Record<string, number>,
  };
  for (let round = 0; round < rounds; round++) {
    const random = seededRandom(round);
    const volume = await freshVolume(t);
    const bad = await someBlobs(damages, random);
    const good = (await someBlobs(spared + 1, random)).slice(0, spared);
    const during = good.slice(0, spared / 2);
    const all = [...bad, ...good];

    await serving(volume, {}, async (weir, clients) => {
      await pMap(all, (stored) => someUpload(stored, random)(weir, clients, stored), { concurrency: atOnce });
      // What it has seen to be right once must not blind it later.
      const first = readerAt(weir, 'push');
      await readAll(first, [...bad.slice(0, damages / 2), ...good], ['Read']);

      await serving(volume, pullOnly, async (pulling) => {
        const reader = readerAt(pulling, 'pull');
        assert.equal((await readAll(reader, all, ['Read'])).right, all.length);
        for (const stored of bad) {
          const what = await damageFile(fileOf(volume, stored), random);
          figures.kinds[what] = (figures.kinds[what] ?? 0) + 1;
        }
        figures.damages += bad.length;
        const before = await stateOf(volume);
        const tally = await readAll(reader, bad);
        figures.read += tally.right + tally.corrupt + tally.refused;
        figures.corrupt += tally.corrupt;
        assert.equal(tally.corrupt, 0);
        const ofEmpty = await readAll(reader, bad.filter(isEmpty));
        assert.equal(tally.right, ofEmpty.right, 'only what has no bytes can be right');
        assert.equal((await readAll(reader, good, ['GET, sent by the proxy'])).right, good.length);
        assert.deepEqual(await stateOf(volume), before, 'who only pulls changes nothing');
        reader.close();
      });

      const { code, report } = await fsck(volume);
      assert.equal(code, 1);
      assert.equal(report.found.damaged.count, bad.length);

      // A quarter is uploaded when a read has found out, a quarter when nobody has.
      const known = bad.filter((_, index) => index % 4 === 0);
      const unknown = bad.filter((_, index) => index % 4 === 1);
      assert.equal((await readAll(first, known, ['Read', 'SplitBlob'])).corrupt, 0);
      const missing = new Set(await missingOf(clients, known));
      // Small ones may be given from memory for a while after they were looked at: then nobody has found out.
      const fromMemory = known.filter((stored) => !missing.has(stored));
      assert.equal((await readAll(first, fromMemory, ['Read'])).corrupt, 0);
      assert.ok(missing.size > known.length / 2, `${missing.size} of ${known.length} were found out`);
      figures.fromMemory += fromMemory.length;
      await heal(weir, clients, known, random);
      await heal(weir, clients, unknown, random);
      figures.healed += known.length + unknown.length;
      first.close();
    });

    const rest = bad.filter((_, index) => index % 4 > 1);
    await serving(volume, scrubbing, async (weir, clients) => {
      const passes = () => weir.output().split(passDone).length - 1;
      await pMap(during, (stored) => damageFile(fileOf(volume, stored), random), { concurrency: atOnce });
      figures.damages += during.length;
      await eventually(() => passes() > 0);
      for (const stored of rest) await assertSetAside(volume, stored);
      // Whoever wants another pass today says so by taking away the state of the last one.
      await eventually(async () => {
        if (passes() > 1) return true;
        await rm(join(volume, 'weir', 'scrub'), { force: true });
        return false;
      });
      const gone = [...rest, ...during];
      for (const stored of gone) await assertSetAside(volume, stored);
      const setAside = await scraped(weir.opsUrl, 'weir_quarantined_blobs_total');
      assert.equal(setAside, gone.length);
      figures.quarantined += setAside;
      assert.equal(await scraped(weir.opsUrl, 'weir_scrub_pass_progress'), 1);
      const missing = await missingOf(clients, all);
      assert.deepEqual(
        hashesOf(missing).toSorted(),
        hashesOf(gone.filter((stored) => !isEmpty(stored))).toSorted(),
      );
      await heal(weir, clients, gone, random);
      figures.healed += gone.length;
      const reader = readerAt(weir, 'push');
      const tally = await readAll(reader, all);
      assert.deepEqual([tally.corrupt, tally.refused], [0, 0]);
      reader.close();
    });
    const { code, report } = await fsck(volume);
    assert.equal(code, 0, JSON.stringify(report));
    await rm(volume, { recursive: true });
  }
  figure(t, figures);
});

void test('the same reading catches a server that sends files as they are', async (t) => {
  const random = seededRandom(1000);
  const volume = await freshVolume(t);
  const blobs = (await someBlobs(spared, random)).filter(({ hashing }) => hashing === 'sha256');
  await serving(volume, {}, async (weir, clients) => {
    await pMap(blobs, (stored) => someUpload(stored, random)(weir, clients, stored), { concurrency: atOnce });
  });
  for (const stored of blobs) await damageFile(fileOf(volume, stored), random);
  const socketPath = join(volume, 'naive.sock');
  const naive = createServer((request, response) => {
    const hash = request.url?.slice('/cas/'.length) ?? '';
    createReadStream(join(volume, 'cas', 'objects', hash.slice(0, 2), hash.slice(2))).pipe(response);
  });
  await new Promise<void>((resolve) => naive.listen(socketPath, resolve));
  t.after(() => naive.close());
  const get: Reader['get'] = ({ blob }, method) =>
    ask(method, `http://naive/cas/${blob.digest.hash}`, { socketPath });
  const reader = { clients: clientsAt('unix:/nowhere'), volume, role: 'pull', get } as const;
  const verdicts = await pMap(blobs, (stored) => readBy(ways.GET, reader, stored));
  reader.clients.close();
  assert.ok(
    verdicts.every((verdict) => verdict === 'corrupt'),
    verdicts.join(),
  );
});
