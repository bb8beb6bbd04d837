import { Counter, Gauge, type Registry } from 'prom-client';
import type { Doubt } from '../core/blob-store.ts';
import type { Observer } from '../core/observer.ts';
import { unknownYet } from './unknown-yet.ts';

type WholenessObserver = Pick<Observer, 'doubted' | 'promiseBroken' | 'quarantined' | 'scrubbed'>;

const reasons: readonly Doubt[] = ['wrong-size', 'wrong-bytes', 'unreadable'];

/** Whether what is stored is still what it was, as far as somebody has looked. */
export function wholenessMetrics(registry: Registry): WholenessObserver {
  const registers = [registry];
  const counter = (name: string, help: string) => new Counter({ name, help, registers });
  const doubts = new Counter({
    name: 'weir_doubted_blobs_total',
    help: 'Observations of a stored blob that is not what its name or the caller says, by reason.',
    labelNames: ['reason'],
    registers,
  });
  const brokenPromises = counter(
    'weir_broken_promises_total',
    'Times that a blob was not there although this server had promised it less than LEASE_SECONDS before. Has to stay 0.',
  );
  const quarantined = counter(
    'weir_quarantined_blobs_total',
    'Stored blobs whose bytes did not give their hash and that were set aside.',
  );
  const scrubbedBytes = counter(
    'weir_scrubbed_bytes_total',
    'Bytes of blobs that the background scrub has read.',
  );
  const scrubbedBlobs = counter(
    'weir_scrubbed_blobs_total',
    'Blobs that the background scrub has compared with their hashes.',
  );
  const unreadable = counter(
    'weir_scrub_unreadable_blobs_total',
    'Blobs that the background scrub could not read.',
  );
  const progress = unknownYet(
    new Gauge({
      name: 'weir_scrub_pass_progress',
      help: 'How far the scrub of all blobs is, 0 to 1; 1 until the next one begins. Absent where nothing is scrubbed.',
      registers,
    }),
  );
  const passBegan = unknownYet(
    new Gauge({
      name: 'weir_scrub_pass_began_timestamp_seconds',
      help: 'When that pass began, or the last one where none is under way. Absent before the first.',
      registers,
    }),
  );
  // A rate needs its zero: series exist from the start.
  for (const reason of reasons) doubts.inc({ reason }, 0);
  return {
    doubted: (_blob, reason) => doubts.inc({ reason }),
    promiseBroken: () => brokenPromises.inc(),
    quarantined: () => quarantined.inc(),
    scrubbed(part) {
      scrubbedBytes.inc(part.bytes);
      scrubbedBlobs.inc(part.blobs);
      unreadable.inc(part.unreadable);
      progress.set(part.progress);
      if (part.beganMs > 0) passBegan.set(part.beganMs / 1000);
    },
  };
}
