import { allServers, cpuPerUnit, type WorkResult } from '../results.ts';
import type { Spread } from '../statistics.ts';
import type { Work } from '../works/work.ts';
import { type Comparison, comparisons, medianOf, workOf } from './comparison.ts';

const head = ['work', 'against', 'ratio', 'goal', 'Weir', 'peer', 'CPU', "peer's", 'memory', "peer's"];

/** Markdown: a row for each work and peer. */
export function resultTable(results: readonly WorkResult[]): string {
  const alignment = head.map((_, column) => (column < 2 ? '---' : '--:'));
  return [head, alignment, ...results.flatMap(rows)].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

function rows(result: WorkResult): string[][] {
  const title = workOf(result)?.title ?? result.work;
  const unit = workOf(result)?.unit.name ?? 'call';
  if (result.servers.length === 0) {
    const { reason } = result.absent.find(({ server }) => server === allServers) ?? {};
    return [[title, `not measured: ${reason}`, ...head.slice(2).map(() => '')]];
  }
  const compared = comparisons(result);
  if (compared.length > 0) return compared.map((each, index) => row(index === 0 ? title : '', unit, each));
  return result.servers.map((weir) => {
    const [cpu, memory] = [seconds(cpuPerUnit(weir)), megabytes(weir.peakBytes)];
    return [title, 'nothing', '', '', rate(medianOf(weir), unit), '', cpu, '', memory, ''];
  });
}

function row(
  title: string,
  unit: Work['unit']['name'],
  { throughput, cpu, peak, ...each }: Comparison,
): string[] {
  return [
    title,
    each.isFastest ? `${each.peer} (fastest)` : each.peer,
    spread(each.ratio),
    verdict(each.ratio, each.goal),
    ...throughput.map((value) => rate(value, unit)),
    ...cpu.map(seconds),
    ...peak.map(megabytes),
  ];
}

function spread({ median, min, max }: Spread): string {
  return `${digits(median)} (${digits(min)}–${digits(max)})`;
}

function verdict({ median }: Spread, goal: number | undefined): string {
  if (goal === undefined) return '';
  return median >= goal ? `${goal}` : `${goal}: **missed**`;
}

/** Of a run the time that it takes. */
function rate(value: number, unit: Work['unit']['name']): string {
  if (unit === 'run') return seconds(1 / value);
  return `${digits(value)} ${unit}${unit === 'GiB' ? '' : 's'}/s`;
}

function seconds(value: number): string {
  return value < 1 ? `${digits(value * 1000)} ms` : `${digits(value)} s`;
}

function megabytes(value: number): string {
  return `${digits(value / 1e6)} MB`;
}

/** Three digits that count: more would say more than was measured. */
function digits(value: number): string {
  return Number(value.toPrecision(3)).toLocaleString('en', { maximumSignificantDigits: 3 });
}
