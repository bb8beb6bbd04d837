import { basename } from 'node:path';
import { CacheError } from '../core/cache-error.ts';
import type { PinCounts } from '../core/observer.ts';
import type { Layout } from './layout.ts';
import { pinsOn } from './pins.ts';
import { type KeepOptions, type KeptRecord, recordKeeper } from './record-keeper.ts';

/** What came of keeping all pins. */
export interface PinsKept extends PinCounts {
  /** Of the others: those that may be whole, as far as anybody knows, for the volume failed while we looked. */
  readonly failed: number;
  /** The first that are not whole, in words. */
  readonly troubles: readonly string[];
}

const namedTroubles = 3;

/**
 * Leases all that is pinned, one pin after the other: memory is that of a walk through one tree. A pin that cannot be
 * kept is counted, and stops none of the others. Rejects when there is no telling what is pinned, or by which clock.
 */
export async function keepPins(layout: Layout, options: KeepOptions): Promise<PinsKept> {
  const counts = { whole: 0, incomplete: 0, unreadable: 0, failed: 0, bytes: 0 };
  const troubles: string[] = [];
  const tell = (state: 'incomplete' | 'unreadable', what: string) => {
    counts[state]++;
    if (troubles.length < namedTroubles) troubles.push(what);
  };
  // Where nothing is pinned, not even the clock is asked.
  let keeper: Awaited<ReturnType<typeof recordKeeper>> | undefined;
  for await (const { path, pin, failure } of pinsOn(layout)) {
    if (pin === undefined) {
      const why = failure?.message ?? 'it is no pin';
      tell('unreadable', `the file weir/pins/${basename(path)}: ${why}`);
      if (failure !== undefined) counts.failed++;
      continue;
    }
    keeper ??= await recordKeeper(layout, options);
    const kept = await keptOrFailure(() => keeper?.keep(pin.recordPath));
    counts.bytes += kept?.bytes ?? 0;
    if (kept?.hasFailed === true) counts.failed++;
    if (kept?.state === 'whole') counts.whole++;
    else tell('incomplete', `${pin.name}: ${kept?.detail ?? ''}`);
  }
  return { ...counts, troubles };
}

async function keptOrFailure(
  keep: () => Promise<KeptRecord> | undefined,
): Promise<(Pick<KeptRecord, 'state' | 'detail' | 'bytes'> & { hasFailed?: boolean }) | undefined> {
  try {
    return await keep();
  } catch (error) {
    if (!(error instanceof CacheError)) throw error;
    // Something on its way out that there is no room to bring back must not keep room from being made.
    const hasFailed = error.kind !== 'resource-exhausted';
    return { state: 'incomplete', detail: error.message, bytes: 0, hasFailed };
  }
}
