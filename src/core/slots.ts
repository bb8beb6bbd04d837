/** A number of places, for work that takes much memory while it lasts. */
export interface Slots {
  /** Resolves with a place, in the order of asking; its holder calls the function when it needs it no more. Rejects when the signal aborts first. */
  take(signal?: AbortSignal): Promise<() => void>;
}

export function slots(count: number): Slots {
  let free = count;
  const waiting = new Set<() => void>();

  function release(): void {
    const [next] = waiting;
    if (next === undefined) free++;
    else {
      waiting.delete(next);
      next();
    }
  }

  function once(): () => void {
    let released = false;
    return () => {
      if (!released) release();
      released = true;
    };
  }

  return {
    async take(signal) {
      signal?.throwIfAborted();
      if (free > 0) {
        free--;
        return once();
      }
      await new Promise<void>((resolve, reject) => {
        const give = () => {
          signal?.removeEventListener('abort', giveUp);
          resolve();
        };
        const giveUp = () => {
          waiting.delete(give);
          reject(signal?.reason as Error);
        };
        waiting.add(give);
        signal?.addEventListener('abort', giveUp, { once: true });
      });
      return once();
    },
  };
}
