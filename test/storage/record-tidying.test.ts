import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger, Observer } from '../../src/core/observer.ts';
import type { JanitorThread } from '../../src/janitor/janitor-thread.ts';
import { leaseAges } from '../../src/janitor/lease-ages.ts';
import { startRecordTidying } from '../../src/janitor/record-tidying.ts';
import type { Volume } from '../../src/store/volume.ts';
import { eventually } from '../support/eventually.ts';

const nothingFound = {
  looked: 1,
  waiting: 0,
  removed: 0,
  bytes: 0,
  firstRemoved: [],
  failure: undefined,
  done: true,
};

/** Tidies a volume of one record; says how often that was looked at. */
function tidying(leaseMs: number) {
  let looks = 0;
  const run = () => {
    looks++;
    return Promise.resolve(nothingFound);
  };
  const repeating = startRecordTidying({
    volume: { cutOff: false } as Volume,
    ages: leaseAges({ leaseMs, coalesceMs: leaseMs / 10 }),
    thread: { run, stop: () => Promise.resolve() } as unknown as JanitorThread,
    mayWork: () => true,
    observer: { tidiedRecords: () => {} } as unknown as Observer,
    logger: { error: () => {} } as unknown as Logger,
  });
  return { looks: () => looks, stop: () => repeating.stop() };
}

void test('records are not looked through right after a start, when clients ask for all at once', async () => {
  const { looks, stop } = tidying(3_600_000);
  await sleep(500);
  assert.equal(looks(), 0);
  await stop();
});

void test('records are looked through in time where leases are short', async () => {
  const { looks, stop } = tidying(1000);
  await eventually(() => looks() > 1);
  await stop();
});
