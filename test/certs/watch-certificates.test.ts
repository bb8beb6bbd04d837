import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import type { SyncResult } from '../../src/certs/sync-certificates.ts';
import { watchCertificates } from '../../src/certs/watch-certificates.ts';
import { newClient, newServerPair } from '../support/certificates.ts';

async function startWatch(t: TestContext) {
  const root = await mkdtemp(join(tmpdir(), 'weir-watch-'));
  const folder = join(root, 'certs');
  const out = join(root, 'out');
  await mkdir(out);
  await newServerPair(folder);
  await writeFile(join(folder, 'authorized.crt'), '');
  const ending = new AbortController();
  const events = new EventEmitter();
  const rounds: SyncResult[] = [];
  const failures: unknown[] = [];
  let looks = 0;
  let laterMs = 0;
  const during = { look: () => {} };
  const watching = watchCertificates({
    folder,
    out,
    intervalMs: 10,
    signal: ending.signal,
    // Asked for the time once in each look.
    now: () => {
      looks++;
      during.look();
      events.emit('change');
      return new Date(Date.now() + laterMs);
    },
    onRound: (result) => {
      rounds.push(result);
      events.emit('change');
    },
    onFailure: (error) => {
      failures.push(error);
      events.emit('change');
    },
  });
  t.after(async () => {
    ending.abort();
    await watching;
    await rm(root, { recursive: true });
  });
  const until = async (isSo: () => boolean) => {
    while (!isSo()) await once(events, 'change');
  };
  await until(() => rounds.length === 1);
  const afterLooks = async (count: number) => {
    const enough = looks + count;
    await until(() => looks >= enough);
  };
  const goBy = (milliseconds: number) => void (laterMs += milliseconds);
  return { afterLooks, during, goBy, folder, elsewhere: join(root, 'elsewhere'), rounds, failures, until };
}

void test('the watch takes every change of the contents over, until it is ended', async (t) => {
  const { folder, elsewhere, rounds, until } = await startWatch(t);
  assert.deepEqual(rounds[0]?.certificates, []);
  const one = await newClient(elsewhere, 'one');
  await writeFile(join(folder, 'authorized.crt'), one.certificatePem);
  await until(() => rounds.at(-1)?.certificates.length === 1);
  const two = await newClient(elsewhere, 'two');
  await mkdir(join(folder, 'authorized'));
  await writeFile(join(folder, 'authorized', 'two.crt'), two.certificatePem);
  await until(() => rounds.at(-1)?.certificates.length === 2);
  await writeFile(join(folder, 'authorized.crt'), '');
  await until(() => rounds.at(-1)?.certificates.length === 1);
});

void test('a change counts even if the file’s time stays the same, and a new time alone does not', async (t) => {
  const { folder, elsewhere, rounds, until, afterLooks } = await startWatch(t);
  const list = join(folder, 'authorized.crt');
  const then = new Date(1_700_000_000_000);
  const one = await newClient(elsewhere, 'one');
  const two = await newClient(elsewhere, 'two');
  await replace(list, one.certificatePem, then);
  await until(() => rounds.at(-1)?.certificates[0]?.sha256 === one.fingerprint);
  const count = rounds.length;
  await utimes(list, new Date(), new Date());
  await afterLooks(5);
  assert.equal(rounds.length, count);
  await replace(list, two.certificatePem, then);
  await until(() => rounds.at(-1)?.certificates[0]?.sha256 === two.fingerprint);
  assert.equal(rounds.length, count + 1);
});

void test('a folder that cannot be read is reported once, and the watch goes on when it can', async (t) => {
  const { folder, elsewhere, rounds, failures, until, afterLooks } = await startWatch(t);
  const list = join(folder, 'authorized.crt');
  await rm(list);
  await mkdir(list);
  await until(() => failures.length > 0);
  await afterLooks(5);
  await rm(list, { recursive: true });
  const one = await newClient(elsewhere, 'one');
  await writeFile(list, one.certificatePem);
  await until(() => rounds.at(-1)?.certificates.length === 1);
  assert.equal(failures.length, 1);
});

void test('a file that is still being written is not taken over', async (t) => {
  const { folder, rounds, during, until, afterLooks } = await startWatch(t);
  let text = '';
  during.look = () => writeFileSync(join(folder, 'authorized.crt'), (text += '# more\n'));
  await afterLooks(10);
  assert.equal(rounds.length, 1);
  during.look = () => {};
  await until(() => rounds.length === 2);
});

void test('once a day there is a report even if nothing has changed, for certificates expire', async (t) => {
  const { goBy, rounds, until, afterLooks } = await startWatch(t);
  await afterLooks(5);
  assert.equal(rounds.length, 1);
  goBy(25 * 3_600_000);
  await until(() => rounds.length > 1);
  await afterLooks(5);
  assert.equal(rounds.length, 2);
});

/** In one step, so that no look at it finds half. */
async function replace(file: string, text: string, time: Date): Promise<void> {
  await writeFile(`${file}.new`, text);
  await utimes(`${file}.new`, time, time);
  await rename(`${file}.new`, file);
}
