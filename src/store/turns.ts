/** Lets only so many pieces of work run at once; the others wait in the order they came. */
export interface Turns {
  /** Runs the work when it is its turn. Rejects as the work does, or with the signal's reason when that comes first. */
  take<T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T>;
}

export function turns(atOnce: number): Turns {
  let free = atOnce;
  const waiting = new Set<() => void>();

  async function turn(signal: AbortSignal | undefined): Promise<void> {
    signal?.throwIfAborted();
    if (free > 0) {
      free--;
      return;
    }
    await new Promise<void>((resolve, reject) => {
      const go = () => {
        signal?.removeEventListener('abort', giveUp);
        resolve();
      };
      const giveUp = () => {
        waiting.delete(go);
        reject(signal?.reason as Error);
      };
      waiting.add(go);
      signal?.addEventListener('abort', giveUp, { once: true });
    });
  }

  function passOn(): void {
    const [next] = waiting;
    if (next === undefined) {
      free++;
      return;
    }
    waiting.delete(next);
    next();
  }

  return {
    async take(work, signal) {
      await turn(signal);
      try {
        return await work();
      } finally {
        passOn();
      }
    },
  };
}
