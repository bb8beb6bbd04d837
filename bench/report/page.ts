// What is measured is kept, every round of it, and docs/benchmarks.md is made from it between two marks.
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { format } from 'prettier';
import type { WorkResult } from '../results.ts';
import { type Spread, spreadOf } from '../statistics.ts';
import { peers } from '../servers/server-kinds.ts';
import { weir } from '../servers/weir.ts';
import { allWorks } from '../works/all-works.ts';
import { ratioChart } from './chart.ts';
import { repeats } from './repeats.ts';
import { tables } from './table.ts';

const begin = '<!-- figures: written by npm run bench -- --save -->';
const end = '<!-- end of figures -->';

const docs = join(import.meta.dirname, '..', '..', 'docs');

/** A run that is kept: the first is what the page is about, the second says how far two differ. */
export type Run = keyof typeof keptIn;

const keptIn = { first: 'rounds.json', second: 'rounds-again.json' } as const;
const style = { printWidth: 110, singleQuote: true, trailingComma: 'all' } as const;

/** Puts results in the place of earlier ones of the same work and run, and writes the page and its picture anew. */
export async function saveResults(fresh: readonly WorkResult[], run: Run, folder = docs): Promise<void> {
  const page = join(folder, 'benchmarks.md');
  await mkdir(join(folder, 'benchmarks'), { recursive: true });
  const results = withFresh(fresh, kept(folder, run));
  await writeFile(pathOf(folder, run), await format(JSON.stringify(results), { ...style, parser: 'json' }));
  const first = kept(folder, 'first');
  await writeFile(join(folder, 'benchmarks', 'ratios.svg'), ratioChart(first));
  const text = replaceBetween(readFileSync(page, 'utf8'), figures(first, kept(folder, 'second')));
  await writeFile(page, await format(text, { ...style, parser: 'markdown' }));
}

function pathOf(folder: string, run: Run): string {
  return join(folder, 'benchmarks', keptIn[run]);
}

function kept(folder: string, run: Run): WorkResult[] {
  const path = pathOf(folder, run);
  return existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as WorkResult[]) : [];
}

function withFresh(fresh: readonly WorkResult[], before: readonly WorkResult[]): WorkResult[] {
  return allWorks.flatMap(({ name }) => {
    const candidates = [...fresh, ...before].filter(({ work }) => work === name);
    // What could be measured earlier is not lost where it cannot be now.
    return candidates.find(({ servers }) => servers.length > 0) ?? candidates.slice(0, 1);
  });
}

function replaceBetween(text: string, figures: string): string {
  const [from, to] = [text.indexOf(begin), text.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`docs/benchmarks.md lacks the line ${begin} or ${end}`);
  return `${text.slice(0, from)}${begin}\n\n${figures}\n\n${text.slice(to)}`;
}

function figures(results: readonly WorkResult[], again: readonly WorkResult[]): string {
  return [
    '![Ratios of throughput, on a logarithmic scale](benchmarks/ratios.svg)',
    tables(results),
    repeats(results, again),
    '### Who took part',
    participants(results),
    absences(results),
    '### When and where',
    occasions(results),
  ]
    .filter((part) => part !== '')
    .join('\n\n');
}

/** Each server in each version of it that was measured. */
function participants(results: readonly WorkResult[]): string {
  const rows = [weir, ...peers].flatMap((kind) => {
    const ofKind = results.flatMap(({ servers }) => servers.filter(({ server }) => server === kind.name));
    const versions = [...new Set(ofKind.map(({ version }) => version))];
    if (versions.length === 0) return [];
    return [`| ${[kind.name, versions.join('; '), kind.configuration, kind.durability].join(' | ')} |`];
  });
  return ['| server | version | not its default | uploads |', '| --- | --- | --- | --- |', ...rows].join(
    '\n',
  );
}

function absences(results: readonly WorkResult[]): string {
  const all = results.flatMap(({ work, absent }) =>
    absent.map(({ server, reason }) => ({ work, cause: `${server}: ${reason}` })),
  );
  const byCause = Map.groupBy(all, ({ cause }) => cause);
  if (byCause.size === 0) return '';
  const lines = [...byCause].map(([cause, of]) => {
    const works = new Set(of.map(({ work }) => work));
    return `- ${cause}${works.size === results.length ? '' : ` (${[...works].join(', ')})`}`;
  });
  return ['Absent:', '', ...lines].join('\n');
}

function occasions(results: readonly WorkResult[]): string {
  const measured = results.filter(({ servers }) => servers.length > 0);
  const byOccasion = Map.groupBy(measured, ({ date, machine }) => `${date}, ${machine}`);
  return [...byOccasion]
    .map(([occasion, of]) => {
      const rounds = spreadOf(of.map(({ servers }) => servers[0]?.rounds.length ?? 0));
      const others = spreadOf(of.map(({ otherCores }) => otherCores));
      const range = ({ min, max }: Spread, places: number) =>
        [...new Set([min.toFixed(places), max.toFixed(places)])].join(' to ');
      const works = of.map(({ work }) => work).join(', ');
      return `- ${occasion}; ${range(rounds, 0)} rounds; other programs kept ${range(others, 1)} cores busy: ${works}`;
    })
    .join('\n');
}
