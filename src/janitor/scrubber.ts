import type { BlobName } from '../core/digest.ts';
import type { Logger, Observer } from '../core/observer.ts';
import type { Layout } from '../store/layout.ts';
import { scrubBlob } from '../store/quarantine.ts';

/** Looks at blobs that somebody doubted, one at a time, and sets aside those whose bytes are wrong. */
export interface Scrubber {
  /** Notes a doubt and returns at once. Doubts beyond what is remembered are dropped: the next reader doubts again. */
  doubt(blob: BlobName): void;
  /** Resolves when the blob that is being looked at is done; takes no more after that. */
  stop(): Promise<void>;
}

const mostWaiting = 10_000;

/** A scrubber that works through doubts as they come. */
export function doubtScrubber(layout: Layout, observer: Observer, logger: Logger): Scrubber {
  const waiting = new Set<BlobName>();
  const stopping = new AbortController();
  let working: Promise<void> | undefined;

  async function work(): Promise<void> {
    for (const blob of waiting) {
      if (stopping.signal.aborted) return;
      await look(blob);
      waiting.delete(blob);
    }
  }

  async function look(blob: BlobName): Promise<void> {
    try {
      const verdict = await scrubBlob(layout, blob, stopping.signal);
      if (verdict === 'quarantined') observer.quarantined(blob);
    } catch (error) {
      if (!stopping.signal.aborted)
        logger.error('a doubted blob could not be checked', { blob, error: String(error) });
    }
  }

  return {
    doubt(blob) {
      if (stopping.signal.aborted || waiting.size >= mostWaiting) return;
      waiting.add(blob);
      working ??= work().finally(() => (working = undefined));
    },
    async stop() {
      stopping.abort();
      await working;
    },
  };
}
