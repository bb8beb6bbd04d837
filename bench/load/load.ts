/** What is sent to one server, made ready so that only sending and answering is timed. */
export interface Load {
  /** Sends it so many times. Rejects where an answer was not the right one. */
  run(operations: number): Promise<Timed>;
  /** Operations of a round: what makes it long enough is found between these two. */
  readonly fewest: number;
  readonly most: number;
}

/** How long it took. */
export interface Timed {
  /** Until the last was answered. */
  seconds: number;
  /** Of a hundred calls, 99 took no longer; where each is timed. Seconds. */
  p99?: number;
}

/** An action that is done once, by whoever does it. */
export function once(action: () => Promise<void>): Load {
  return {
    fewest: 1,
    most: 1,
    async run() {
      const begin = performance.now();
      await action();
      return { seconds: (performance.now() - begin) / 1000 };
    },
  };
}
