import { Counter, Gauge, type Registry } from './prom-client.ts';
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
      '1: is the janitor of this server the one that works? The sum over the servers of a volume is 1, but for moments. Absent on a server that takes no pushes, which has no janitor.',
    ),
  );
  const passes = new Counter({
    name: 'weir_eviction_passes_total',
    help: 'How often was room made: `enough`, `short` of what was wanted, or `failed`?',
    labelNames: ['outcome'],
    registers,
  });
  const running = gauge('weir_eviction_running', '1: is a pass that makes room under way?');
  const lastPass = unknownYet(
    gauge(
      'weir_eviction_last_pass_timestamp_seconds',
      'When did the last pass that made room end? Absent before the first.',
    ),
  );
  const looked = counter(
    'weir_eviction_looked_files_total',
    'How many files have passes that make room looked at, as far as they are?',
  );
  const moved = counter(
    'weir_eviction_moved_files_total',
    'How many files have passes that make room moved into the trash?',
  );
  const movedBytes = counter(
    'weir_eviction_moved_bytes_total',
    'How many bytes on disk have they moved into the trash? They are free when the files have rested there.',
  );
  const returned = counter(
    'weir_eviction_returned_files_total',
    'How many files were used while they were in the trash, and went back?',
  );
  const evictedBlobs = counter('weir_evicted_blobs_total', 'How many blobs were removed to make room?');
  const evictedRecords = counter(
    'weir_evicted_records_total',
    'How many references, action results and others that nobody used went with the blobs that were removed to make room?',
  );
  const evictedBytes = counter('weir_evicted_bytes_total', 'How much room was made, on disk?');
  const evictionAge = unknownYet(
    gauge(
      'weir_eviction_age_seconds',
      'For how long does the cache hold what nobody uses? How long the youngest blob of the last eviction had not been used. Absent before the first.',
    ),
  );
  const runs = gauge('weir_trash_runs', 'How many passes have files in the trash?');
  const swept = counter(
    'weir_swept_files_total',
    'How many temporary files were removed that nobody finished?',
  );
  const ballast = gauge(
    'weir_ballast_bytes',
    'How large is the file that is given up when the volume is completely full? 0 where another janitor works.',
  );
  const lookedRecords = counter(
    'weir_looked_records_total',
    'How many references, action results and others were looked at for whether what they lead to is here?',
  );
  const waiting = gauge(
    'weir_incomplete_records',
    'How many references, action results and others lead to something that is not here, as far as the pass over all of them is?',
  );
  const removed = counter(
    'weir_removed_records_total',
    'How many references, action results and others were removed because what they lead to was not here for longer than a lease?',
  );
  const pins = new Gauge({
    name: 'weir_pins',
    help: 'How many names are pinned: `whole`, `incomplete` where something that they reach is not here, `unreadable` for files that are no pins? 0 where another janitor works.',
    labelNames: ['state'],
    registers,
  });
  const pinnedBytes = gauge(
    'weir_pinned_bytes',
    'How many bytes do pinned names keep? A blob counts for each name that reaches it.',
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
