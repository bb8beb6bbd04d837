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

/** Sizes of a budget, in bytes. */
export interface BudgetSize {
  /** For all together. */
  readonly total: number;
  /** The most that one owner may hold, unless it holds nothing else. */
  readonly share: number;
  /** So many are served beside that, the smallest first: whoever holds the rest and does nothing cannot stop them. */
  readonly lanes: number;
}

interface Waiter {
  readonly owner: string;
  readonly bytes: number;
  /** `giveBack` undoes it. */
  grant(giveBack: () => void): void;
}

export function byteBudget({ total, share, lanes }: BudgetSize): ByteBudget {
  let used = 0;
  let freeLanes = lanes;
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

  /** Out of the line; its owner's next turn is after those of all others. */
  function leave(waiter: Waiter): void {
    const line = waiting.get(waiter.owner);
    line?.delete(waiter);
    waiting.delete(waiter.owner);
    if (line !== undefined && line.size > 0) waiting.set(waiter.owner, line);
  }

  function serve(): void {
    for (const [owner, line] of waiting) {
      const [next] = line;
      if (next === undefined || !isWithinShare(owner, next.bytes)) continue;
      // Were smaller ones let past it, a large one would wait for ever.
      if (used > 0 && used + next.bytes > total) break;
      leave(next);
      add(owner, next.bytes);
      next.grant(() => add(owner, -next.bytes));
    }
    while (freeLanes > 0 && waiting.size > 0) serveSmallest();
  }

  function serveSmallest(): void {
    let smallest: Waiter | undefined;
    for (const line of waiting.values())
      for (const waiter of line)
        if (smallest === undefined || waiter.bytes < smallest.bytes) smallest = waiter;
    if (smallest === undefined) return;
    leave(smallest);
    freeLanes--;
    smallest.grant(() => freeLanes++);
  }

  return {
    isShort: () => waiting.size > 0,
    take(owner, bytes, onGranted) {
      let giveBack: (() => void) | undefined;
      let released = false;
      const waiter: Waiter = {
        owner,
        bytes,
        grant(undo) {
          giveBack = undo;
          taken.granted = true;
          onGranted();
        },
      };
      // No getter: see ContextOfCall in rpc/call-context.ts.
      const taken = {
        granted: false,
        release() {
          if (released) return;
          released = true;
          if (giveBack === undefined) leave(waiter);
          else giveBack();
          serve();
        },
      };
      waiting.set(owner, (waiting.get(owner) ?? new Set<Waiter>()).add(waiter));
      serve();
      return taken;
    },
  };
}
