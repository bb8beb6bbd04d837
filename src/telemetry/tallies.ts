import type { CounterConfiguration, LabelValues } from 'prom-client';
import { Counter } from './prom-client.ts';

/** What was counted since somebody asked last. */
export interface Tally {
  count: number;
}

/**
 * The series of a counter that calls add to. prom-client makes a text of all labels, and looks that up, each time that it is told of something. A call is
 * counted half a dozen times, so prom-client is told when somebody asks.
 */
export class Tallies<Label extends string> {
  readonly #counter: Counter<Label>;
  readonly #tallies: { readonly labels: LabelValues<Label>; readonly tally: Tally }[] = [];

  constructor(counter: CounterConfiguration<Label>) {
    this.#counter = new Counter({ ...counter, collect: () => this.#tell() });
  }

  /** One more series, which is there from now on. */
  add(labels: LabelValues<Label>): Tally {
    const tally = { count: 0 };
    this.#counter.inc(labels, 0);
    this.#tallies.push({ labels, tally });
    return tally;
  }

  #tell(): void {
    for (const { labels, tally } of this.#tallies) {
      if (tally.count === 0) continue;
      this.#counter.inc(labels, tally.count);
      tally.count = 0;
    }
  }
}
