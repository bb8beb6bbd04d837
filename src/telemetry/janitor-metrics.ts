import { Counter, Gauge, type Registry } from 'prom-client';
import type { Observer, PinCounts } from '../core/observer.ts';
import { unknownYet } from './unknown-yet.ts';

type JanitorObserver = Pick<
  Observer,
  | 'janitorLock'
  | 'evictionPass'
  | 'evictionStepped'
  | 'trashRuns'
  | 'swept'
  | 'ballast'
  | 'tidiedRecords'
  | 'pinned'
  | 'evicted'
>;

const pinStates = ['whole', 'incomplete', 'unreadable'] as const;
const outcomes = ['enough', 'short', 'failed'] as const;

const noPins: PinCounts = { whole: 0, incomplete: 0, unreadable: 0, bytes: 0 };

/** What the janitor of this server does. */
export function janitorMetrics(registry: Registry): JanitorObserver {
  const registers = [registry];
  const counter = (name: string, help: string) => new Counter({ name, help, registers });
  const gauge = (name: string, help: string) => new Gauge({ name, help, registers });
  const lock = unknownYet(
    gauge(
      'weir_janitor_lock_held',
      "1 while this server's janitor is the one that works. Absent where nobody may push, and no janitor is.",
    ),
  );
  const passes = new Counter({
    name: 'weir_eviction_passes_total',
    help: 'Passes of eviction that have ended, by outcome: enough room was made, less than wanted, or none because the volume failed.',
    labelNames: ['outcome'],
    registers,
  });
  const running = gauge('weir_eviction_running', '1 while a pass of eviction is under way.');
  const lastPass = unknownYet(
    gauge(
      'weir_eviction_last_pass_timestamp_seconds',
      'When the last pass of eviction ended. Absent before the first.',
    ),
  );
  const looked = counter(
    'weir_eviction_looked_files_total',
    'Files that passes of eviction have looked at, while they go on.',
  );
  const moved = counter(
    'weir_eviction_moved_files_total',
    'Files that passes of eviction have moved into the trash, while they go on.',
  );
  const movedBytes = counter('weir_eviction_moved_bytes_total', 'Bytes on disk of those.');
  const returned = counter(
    'weir_eviction_returned_files_total',
    'Files that were used while they were in the trash, and went back.',
  );
  const evictedBlobs = counter('weir_evicted_blobs_total', 'Blobs removed to make room.');
  const evictedRecords = counter(
    'weir_evicted_records_total',
    'References, action results, assets and values removed because nobody used them for as long as the blobs that went.',
  );
  const evictedBytes = counter('weir_evicted_bytes_total', 'Bytes on disk of what was removed to make room.');
  const evictionAge = unknownYet(
    gauge(
      'weir_eviction_age_seconds',
      'How long the youngest blob of the last eviction had not been used: what the cache can hold, in time. Absent before the first.',
    ),
  );
  const runs = gauge('weir_trash_runs', 'Passes whose files rest in the trash, or were left there.');
  const swept = counter('weir_swept_files_total', 'Temporary files removed that nobody finished.');
  const ballast = gauge(
    'weir_ballast_bytes',
    'Bytes on disk of the file that is given up when the volume is completely full.',
  );
  const lookedRecords = counter(
    'weir_looked_records_total',
    'References, action results, assets and values that were looked at for whether what they lead to is here.',
  );
  const waiting = gauge(
    'weir_incomplete_records',
    'Of those, how many lead to something that is not here, as far as this pass over all of them has seen.',
  );
  const removed = counter(
    'weir_removed_records_total',
    'Of those, how many were removed because that had not changed for longer than a lease.',
  );
  const pins = new Gauge({
    name: 'weir_pins',
    help: 'Names that are pinned, by whether all that they reach is here; unreadable: files of pins that make no sense.',
    labelNames: ['state'],
    registers,
  });
  const pinnedBytes = gauge(
    'weir_pinned_bytes',
    'Bytes of blobs that pinned names reach; a blob counts for each of them.',
  );
  const setPins = (counts: PinCounts) => {
    for (const state of pinStates) pins.set({ state }, counts[state]);
    pinnedBytes.set(counts.bytes);
  };
  setPins(noPins);
  // A rate needs its zero: series exist from the start.
  for (const outcome of outcomes) passes.inc({ outcome }, 0);
  let wasHeld = false;
  return {
    janitorLock(held) {
      lock.set(held ? 1 : 0);
      // What another janitor sees from now on, this one does not know.
      if (wasHeld && !held) {
        for (const seen of [runs, ballast, waiting]) seen.set(0);
        setPins(noPins);
      }
      wasHeld = held;
    },
    evictionPass(now) {
      running.set(now === 'began' ? 1 : 0);
      if (now === 'began') return;
      passes.inc({ outcome: now });
      lastPass.setToCurrentTime();
    },
    evictionStepped(steps) {
      looked.inc(steps.looked);
      moved.inc(steps.moved);
      movedBytes.inc(steps.movedBytes);
    },
    evicted(outcome) {
      evictedRecords.inc(outcome.records);
      evictedBlobs.inc(outcome.blobs);
      evictedBytes.inc(outcome.bytes);
      returned.inc(outcome.returned);
      if (outcome.blobs > 0) evictionAge.set(outcome.youngestIdleMs / 1000);
    },
    pinned: setPins,
    trashRuns: (count) => runs.set(count),
    swept: (files) => swept.inc(files),
    ballast: (bytes) => ballast.set(bytes),
    tidiedRecords(part) {
      lookedRecords.inc(part.looked);
      waiting.set(part.waiting);
      removed.inc(part.removed);
    },
  };
}
