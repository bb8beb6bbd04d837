/** The samples of a scrape; those of a server of another version may lack some. */
export interface ScrapedMetrics {
  /** The sum of a metric's samples that have these labels; undefined where there is none. */
  readonly sum: (name: string, labels?: Readonly<Record<string, string>>) => number | undefined;
  /** Each sample of a metric. */
  readonly samples: (name: string) => readonly Sample[];
}

export interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

const line = /^([A-Za-z_:][\w:]*)(?:\{(.*)\})?\s+(\S+)/;
const label = /(\w+)="((?:[^"\\]|\\.)*)"/g;

/** Reads Prometheus' text format; what is not of it is passed over. */
export function scrapedMetrics(text: string): ScrapedMetrics {
  const byName = new Map<string, Sample[]>();
  for (const each of text.split('\n')) {
    const [, name, labels = '', value] = line.exec(each) ?? [];
    if (name === undefined || value === undefined || Number.isNaN(Number(value))) continue;
    const samples = byName.get(name) ?? [];
    byName.set(name, samples);
    samples.push({ labels: labelsIn(labels), value: Number(value) });
  }
  const samples = (name: string) => byName.get(name) ?? [];
  return {
    samples,
    sum(name, wanted = {}) {
      const fitting = samples(name).filter(({ labels }) =>
        Object.entries(wanted).every(([key, value]) => labels[key] === value),
      );
      return fitting.length === 0 ? undefined : fitting.reduce((sum, { value }) => sum + value, 0);
    },
  };
}

function labelsIn(text: string): Record<string, string> {
  const labels: Record<string, string> = {};
  for (const [, name = '', value = ''] of text.matchAll(label))
    labels[name] = value.replaceAll(/\\(.)/g, (_, escaped: string) => (escaped === 'n' ? '\n' : escaped));
  return labels;
}
