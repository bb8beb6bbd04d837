import { allServers, cpuPerUnit, type WorkResult } from '../results.ts';
import type { Work } from '../works/work.ts';
import { digits, markdownTable, megabytes, seconds, spread, verdict } from './cells.ts';
import { type Comparison, comparisons, medianOf, workOf } from './comparison.ts';
import { seriesTables } from './series.ts';

const head = ['work', 'against', 'ratio', 'goal', 'Weir', 'peer', 'CPU', "peer's", 'memory', "peer's"];

/** Markdown: all that was measured. */
export function tables(results: readonly WorkResult[]): string {
  return [resultTable(results), seriesTables(results)].filter((text) => text !== '').join('\n\n');
}

/** A row for each work and peer. */
export function resultTable(results: readonly WorkResult[]): string {
  return markdownTable(head, results.flatMap(rows), 2);
}

function rows(result: WorkResult): string[][] {
  const work = workOf(result);
  const title = work?.title ?? result.work;
  const unit = work?.unit.name ?? 'call';
  const memory = (bytes: number) => memoryOfWeir(bytes, work?.goals.memory);
  if (result.servers.length === 0) {
    const { reason } = result.absent.find(({ server }) => server === allServers) ?? {};
    return [[title, `not measured: ${reason}`, ...head.slice(2).map(() => '')]];
  }
  const compared = comparisons(result);
  if (compared.length > 0) {
    return compared.map((each, index) =>
      index === 0 ? cells(title, each, unit, memory) : cells('', each, unit, megabytes),
    );
  }
  return result.servers.map((weir) => {
    const cpu = seconds(cpuPerUnit(weir));
    return [title, 'nothing', '', '', rate(medianOf(weir), unit), '', cpu, '', memory(weir.peakBytes), ''];
  });
}

function cells(
  title: string,
  { throughput, cpu, peak, ...each }: Comparison,
  unit: Work['unit']['name'],
  memory: (bytes: number) => string,
): string[] {
  return [
    title,
    each.isFastest ? `${each.peer} (fastest)` : each.peer,
    spread(each.ratio),
    each.goal === undefined ? '' : verdict(`${each.goal}`, each.ratio.median >= each.goal),
    ...throughput.map((value) => rate(value, unit)),
    each.mayNotTakeMore && cpu[0] > cpu[1]
      ? `${seconds(cpu[0])}, more than the peer's: **missed**`
      : seconds(cpu[0]),
    seconds(cpu[1]),
    memory(peak[0]),
    peak[1] > 0 ? megabytes(peak[1]) : '',
  ];
}

/** Of a run the time that it takes. */
function rate(value: number, unit: Work['unit']['name']): string {
  if (unit === 'run') return seconds(1 / value);
  return `${digits(value)} ${unit}${unit === 'GiB' ? '' : 's'}/s`;
}

function memoryOfWeir(bytes: number, goal: number | undefined): string {
  if (goal === undefined) return megabytes(bytes);
  return `${megabytes(bytes)}, goal ${verdict(megabytes(goal), bytes <= goal)}`;
}
