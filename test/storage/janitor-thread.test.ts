import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { janitorThread } from '../../src/janitor/janitor-thread.ts';

const task = { kind: 'measure', prefixes: [], records: false } as const;

test('what is to be done in the thread waits for its beginning, and is done then', async (t) => {
  const root = await mkdtemp(join(tmpdir(), 'weir-test-'));
  const thread = janitorThread(root, () => {});
  t.after(async () => {
    await thread.stop();
    await rm(root, { recursive: true });
  });
  let done = false;
  const running = thread.run(task).then(() => (done = true));
  await sleep(500);
  assert.equal(done, false);
  thread.begin();
  assert.equal(await running, true);
});

test('what waits for the beginning of a thread that is stopped before fails, and nobody waits for it', async () => {
  const thread = janitorThread('/nowhere', () => {});
  const running = thread.run(task);
  await Promise.all([assert.rejects(running, /stopped/), thread.stop()]);
});
