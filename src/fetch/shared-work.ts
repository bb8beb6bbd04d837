import { unlessAborted } from './unless-aborted.ts';

/** Work that several ask for at the same time and that is done once. */
export interface SharedWork<T> {
  /**
   * Joins the work of this key that is under way, or starts it. Rejects with the reason of `signal` when that
   * aborts first; the work itself is aborted when nobody waits for it any more.
   */
  join(key: string, signal: AbortSignal, start: (signal: AbortSignal) => Promise<T>): Promise<T>;
}

interface UnderWay<T> {
  readonly result: Promise<T>;
  readonly controller: AbortController;
  waiting: number;
}

export function sharedWork<T>(): SharedWork<T> {
  const underWay = new Map<string, UnderWay<T>>();

  function forget(key: string, work: UnderWay<T>): void {
    if (underWay.get(key) === work) underWay.delete(key);
  }

  function begin(key: string, start: (signal: AbortSignal) => Promise<T>): UnderWay<T> {
    const controller = new AbortController();
    const work: UnderWay<T> = { result: start(controller.signal), controller, waiting: 0 };
    underWay.set(key, work);
    const end = () => forget(key, work);
    work.result.then(end, end);
    return work;
  }

  return {
    async join(key, signal, start) {
      signal.throwIfAborted();
      const work = underWay.get(key) ?? begin(key, start);
      work.waiting++;
      try {
        return await unlessAborted(work.result, signal);
      } finally {
        if (--work.waiting === 0) {
          // Whoever comes now must not join what is being aborted.
          forget(key, work);
          work.controller.abort();
        }
      }
    },
  };
}
