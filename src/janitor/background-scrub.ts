import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Clock } from '../core/clock.ts';
import type { Logger, Observer } from '../core/observer.ts';
import { blobPrefixes, type Layout } from '../store/layout.ts';
import type { ScrubSlice } from '../store/scrubbing.ts';
import { noScrubYet, readScrubState, type ScrubState, writeScrubState } from '../store/scrub-state.ts';
import type { JanitorThread } from './janitor-thread.ts';

/** Reads all blobs of a volume again and again, and sets aside those whose bytes are wrong. */
export interface BackgroundScrub {
  /** Resolves when nothing of it is under way; another server may go on at once. */
  stop(): Promise<void>;
}

/** What a background scrub stands on. */
export interface BackgroundScrubParts {
  readonly layout: Layout;
  readonly thread: JanitorThread;
  /** More than 0. */
  readonly bytesPerSecond: number;
  readonly clock: Clock;
  readonly observer: Observer;
  readonly logger: Logger;
}

/** A small cache is not read all day long. */
const passEveryMs = 24 * 3_600_000;
/** Reading goes in pieces of about so long, and of no more bytes than these. */
const sliceMs = 250;
const mostCharge = 16 * 1024 * 1024;
/** The server that scrubs says so this often; one that has not for the latter time does not any more. */
const renewEveryMs = 10_000;
const takeOverAfterMs = 60_000;
const pauseAfterFailureMs = 30_000;
/** A volume that hangs must not keep a server from ending. */
const stopPatienceMs = 2000;

/** Begins to scrub, where the last server left off, when no other server on the volume does. */
export function startBackgroundScrub(parts: BackgroundScrubParts): BackgroundScrub {
  const { layout, thread, bytesPerSecond, clock, observer, logger } = parts;
  const server = randomUUID();
  const stopping = new AbortController();
  let state: ScrubState | undefined;
  /** Set when the thread does not know where the pass is. */
  let startAt: number | undefined;
  let renewedAt = Number.NEGATIVE_INFINITY;
  let restUntil = Number.NEGATIVE_INFINITY;
  let lastFailure = '';
  let other = { claim: '', since: 0 };

  /** Whether another server is at it. What its clock says does not matter: its claim has to go on changing. */
  function isBusy(found: ScrubState | undefined): boolean {
    if (found === undefined || found.server === '' || found.server === server) return false;
    const claim = `${found.server} ${found.renewed}`;
    if (claim !== other.claim) other = { claim, since: performance.now() };
    return performance.now() - other.since < takeOverAfterMs;
  }

  /** Whether all blobs were read not long ago. */
  function isFresh({ prefix, began }: ScrubState): boolean {
    const sinceBegan = clock() - began;
    return prefix >= blobPrefixes.length && sinceBegan >= 0 && sinceBegan < passEveryMs;
  }

  /** Our state, when there is something to scrub and it is for us. */
  async function claimed(): Promise<ScrubState | undefined> {
    if (state !== undefined && performance.now() - renewedAt < renewEveryMs) return state;
    const found = await readScrubState(layout);
    if (isBusy(found) || (found !== undefined && isFresh(found))) {
      const { prefix, began } = found ?? noScrubYet;
      const progress = prefix / blobPrefixes.length;
      observer.scrubbed({ bytes: 0, blobs: 0, unreadable: 0, progress, beganMs: began });
      return (state = undefined);
    }
    const isOurs = state !== undefined && (found === undefined || found.server === server);
    if (state === undefined || !isOurs) {
      state = takenOver(found ?? noScrubYet);
      startAt = state.prefix;
    }
    await save(state);
    return state;
  }

  function takenOver(found: ScrubState): ScrubState {
    if (found.prefix < blobPrefixes.length) return { ...found, server };
    return { ...noScrubYet, prefix: 0, began: clock(), server, renewed: found.renewed };
  }

  async function save(next: ScrubState): Promise<void> {
    state = { ...next, renewed: next.renewed + 1 };
    await writeScrubState(layout, state);
    renewedAt = performance.now();
  }

  /** One piece of work; resolves with how long to rest then. */
  async function work(): Promise<number> {
    if ((await claimed()) === undefined) return renewEveryMs;
    const begun = performance.now();
    if (begun < restUntil) return restMs();
    const charge = Math.min(mostCharge, Math.ceil((bytesPerSecond * sliceMs) / 1000));
    const task = { kind: 'scrub', startAt, charge } as const;
    startAt = undefined;
    const slice = await thread.run(task);
    lastFailure = '';
    await note(slice);
    restUntil = begun + (slice.charge / bytesPerSecond) * 1000;
    return restMs();
  }

  /** At a low rate it rests for longer than a claim lasts. */
  function restMs(): number {
    return Math.min(renewEveryMs, restUntil - performance.now());
  }

  async function note(slice: ScrubSlice): Promise<void> {
    if (state === undefined) return;
    const { bytes, blobs, quarantined, prefix } = slice;
    for (const blob of quarantined) observer.quarantined(blob);
    const progress = prefix / blobPrefixes.length;
    observer.scrubbed({ bytes, blobs, unreadable: slice.unreadable, progress, beganMs: state.began });
    if (slice.unreadable > 0) {
      const { unreadable, firstUnreadable } = slice;
      logger.error('the scrub could not read some blobs; look at the disk', { unreadable, firstUnreadable });
    }
    const before = state.prefix;
    state = {
      ...state,
      prefix,
      bytes: state.bytes + bytes,
      blobs: state.blobs + blobs,
      quarantined: state.quarantined + quarantined.length,
    };
    if (prefix < blobPrefixes.length) return;
    if (before < prefix) {
      const seconds = Math.round((clock() - state.began) / 1000);
      const { blobs, bytes, quarantined } = state;
      logger.info('scrubbed all blobs', { blobs, bytes, quarantined, seconds });
    }
    // Until the next pass it is nobody's.
    await save({ ...state, server: '' });
    state = undefined;
  }

  async function goOn(): Promise<void> {
    while (!stopping.signal.aborted) {
      const pauseMs = await work().catch((error: unknown) => {
        // A volume that is read-only says so once, not every time.
        const failure = String(error);
        if (!stopping.signal.aborted && failure !== lastFailure)
          logger.error('the scrub failed', { error: failure });
        lastFailure = failure;
        startAt = state?.prefix;
        return pauseAfterFailureMs;
      });
      if (pauseMs <= 0) continue;
      await sleep(pauseMs, undefined, { signal: stopping.signal, ref: false }).catch(() => {});
    }
  }

  const going = goOn();

  async function release(): Promise<void> {
    await going;
    if (state !== undefined) await save({ ...state, server: '' });
  }

  return {
    async stop() {
      stopping.abort();
      const patience = sleep(stopPatienceMs, undefined, { ref: false });
      await Promise.race([release(), patience]).catch((error: unknown) =>
        logger.warn('how far the scrub is was not kept', { error: String(error) }),
      );
    },
  };
}
