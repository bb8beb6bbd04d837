/** Bytes of memory that many share. Nobody waits who is within its own part and finds some free. */
export interface ByteBudget {
  /**
   * Takes bytes for an owner: at once, or when it is its turn, which `onGranted` is told. Owners take turns,
   * and what one of them asks for comes in order.
   */
  take(owner: string, bytes: number, onGranted: () => void): Taken;
  /** Whether anybody waits. */
  isShort(): boolean;
}

/** What was taken, or is waited for. */
export interface Taken {
  readonly granted: boolean;
  /** Gives the bytes back, or waits no more. */
  release(): void;
}

interface Waiter {
  readonly bytes: number;
  grant(): void;
}

/** `total`: for all together. `share`: the most that one owner may hold, unless it holds nothing else. */
export function byteBudget(total: number, share: number): ByteBudget {
  let used = 0;
  const held = new Map<string, number>();
  /** In the order of turns. */
  const waiting = new Map<string, Set<Waiter>>();

  function add(owner: string, bytes: number): void {
    used += bytes;
    const now = (held.get(owner) ?? 0) + bytes;
    if (now === 0) held.delete(owner);
    else held.set(owner, now);
  }

  function isWithinShare(owner: string, bytes: number): boolean {
    const has = held.get(owner) ?? 0;
    return has === 0 || has + bytes <= share;
  }

  function serve(): void {
    for (const [owner, line] of waiting) {
      const [next] = line;
      if (next === undefined || !isWithinShare(owner, next.bytes)) continue;
      // Were smaller ones let past it, a large one would wait for ever.
      if (used > 0 && used + next.bytes > total) return;
      line.delete(next);
      // To the end of the turns; this loop comes by there again.
      waiting.delete(owner);
      if (line.size > 0) waiting.set(owner, line);
      next.grant();
    }
  }

  function giveUp(owner: string, waiter: Waiter): void {
    const line = waiting.get(owner);
    line?.delete(waiter);
    if (line?.size === 0) waiting.delete(owner);
  }

  return {
    isShort: () => waiting.size > 0,
    take(owner, bytes, onGranted) {
      let granted = false;
      let released = false;
      const waiter: Waiter = {
        bytes,
        grant() {
          granted = true;
          add(owner, bytes);
          onGranted();
        },
      };
      waiting.set(owner, (waiting.get(owner) ?? new Set<Waiter>()).add(waiter));
      serve();
      return {
        get granted() {
          return granted;
        },
        release() {
          if (released) return;
          released = true;
          if (granted) add(owner, -bytes);
          else giveUp(owner, waiter);
          serve();
        },
      };
    },
  };
}
