/** How long the disk makes calls wait that read it. */
export interface DiskPace {
  /** Does it at once, and notes how long it took for each of so many calls. */
  timed<T>(calls: number, work: () => T): T;
  /** Whether calls wait so long that several should at once. Now and then it says no, so that a disk which is fast again shows. */
  isSlow(): boolean;
  /** How many calls may follow each other before somebody else has a turn. */
  inARow(): number;
}

/**
 * What is in the page cache takes a hundredth of a millisecond, a look into an SSD of the machine a tenth, of a cloud's one or more, of a disk that
 * turns ten. The pool costs a tenth of a millisecond of computing for each file, so below that nothing is won by it. Milliseconds.
 */
const slowMs = 0.3;
/** The processor may have been somebody else's: one call says little. Milliseconds. */
const mostOfOne = 1;
/** How much of the average one call is, and as how many calls several count at most: they were interrupted together. */
const [share, mostTogether] = [1 / 16, 4];
const looksEvery = 16;

/** Calls in a row should take about so long together. Milliseconds. */
const rowMs = 2;
const [fewestInARow, mostInARow] = [16, 512];

export function diskPace(now = () => performance.now()): DiskPace {
  // Nobody knows yet.
  let average = slowMs / 3;
  let asked = 0;
  return {
    timed(calls, work) {
      const begun = now();
      try {
        return work();
      } finally {
        const each = Math.min((now() - begun) / calls, mostOfOne);
        average += (each - average) * share * Math.min(calls, mostTogether);
      }
    },
    isSlow: () => average > slowMs && ++asked % looksEvery !== 0,
    inARow: () => Math.max(fewestInARow, Math.min(mostInARow, Math.floor(rowMs / average))),
  };
}
