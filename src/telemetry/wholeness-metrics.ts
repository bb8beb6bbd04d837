import { Counter, Gauge, type Registry } from './prom-client.ts';
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
    help: 'Was a stored blob seen that may be damaged? `wrong-size`, `wrong-bytes` or `unreadable`.',
    labelNames: ['reason'],
    registers,
  });
  const brokenPromises = counter(
    'weir_broken_promises_total',
    'Were promised blobs gone? Has to stay 0: if it does not, something other than Weir removes files from the volume.',
  );
  const quarantined = counter('weir_quarantined_blobs_total', 'How many blobs were damaged, and set aside?');
  const scrubbedBytes = counter('weir_scrubbed_bytes_total', 'How fast does the scrub read everything?');
  const scrubbedBlobs = counter(
    'weir_scrubbed_blobs_total',
    'How many blobs has the scrub compared with their hashes?',
  );
  const unreadable = counter('weir_scrub_unreadable_blobs_total', 'How many blobs could the scrub not read?');
  const progress = unknownYet(
    new Gauge({
      name: 'weir_scrub_pass_progress',
      help: 'How far is the scrub, 0 to 1? 1 until it begins anew. Absent where nothing is scrubbed.',
      registers,
    }),
  );
  const passBegan = unknownYet(
    new Gauge({
      name: 'weir_scrub_pass_began_timestamp_seconds',
      help: 'When did this pass of the scrub begin, or the last one, where none is under way? Absent before the first.',
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
