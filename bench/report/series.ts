// How throughput and latency go as there is more and more of something: a table for each, of all servers.
import { p99s, type ServerResult, throughput, type WorkResult } from '../results.ts';
import { spreadOf } from '../statistics.ts';
import type { SeriesName } from '../works/work.ts';
import { workOf } from './comparison.ts';
import { digits, markdownTable, seconds, verdict } from './cells.ts';

/** The most that throughput may fall from its peak as there is more. */
const mostFall = 0.2;
/** What counts as in proportion: so much more than that. */
const tolerance = 1.2;

const titles: Record<SeriesName, string> = {
  clients: 'GetCapabilities, clients',
  'find-missing-blobs': 'FindMissingBlobs of 512, blobs stored',
  'batch-read-blobs': 'BatchReadBlobs of 500, blobs stored',
};

/** What one server did at each size of a series, from the smallest on. */
interface Course {
  server: string;
  at: { size: number; value: number }[];
}

/** Markdown with headings; empty where no series was measured. */
export function seriesTables(results: readonly WorkResult[]): string {
  const names = Object.keys(titles) as SeriesName[];
  const falls = names.flatMap((name) => throughputTable(name, results));
  const latencies = names.flatMap((name) => latencyTable(name, results));
  return [
    ...(falls.length > 0 ? ['#### Throughput as it grows', ...falls] : []),
    ...(latencies.length > 0 ? ['#### The 99th percentile of latency', ...latencies] : []),
  ].join('\n\n');
}

function throughputTable(name: SeriesName, results: readonly WorkResult[]): string[] {
  const courses = coursesOf(name, results, throughput);
  return tableOf(
    name,
    courses,
    'most that it falls from its peak',
    (value) => `${digits(value)}/s`,
    (course) => {
      const fall = mostFallOf(course.at.map(({ value }) => value));
      return [`${Math.round(fall * 100)}%`, goalOf(course, `${mostFall * 100}%`, fall <= mostFall)];
    },
  );
}

function latencyTable(name: SeriesName, results: readonly WorkResult[]): string[] {
  const courses = coursesOf(name, results, p99s);
  return tableOf(name, courses, 'most growth, divided by that of clients', seconds, (course) => {
    const growth = mostGrowthOf(course.at);
    return [digits(growth), goalOf(course, digits(tolerance), growth <= tolerance)];
  });
}

/** Of peers nothing is wanted. */
function goalOf({ server }: Course, goal: string, isReached: boolean): string {
  return server === 'weir' ? verdict(goal, isReached) : '';
}

/** The largest part of any earlier value that was lost since. */
export function mostFallOf(values: readonly number[]): number {
  return Math.max(0, ...values.map((value, index) => 1 - value / Math.max(...values.slice(0, index + 1))));
}

/** The largest growth of a value from one size to the next, divided by that of the size: 1 is in proportion. */
export function mostGrowthOf(at: Course['at']): number {
  const growths = at.slice(1).map(({ size, value }, index) => {
    const before = at[index] ?? { size, value };
    return value / before.value / (size / before.size);
  });
  return Math.max(0, ...growths);
}

function coursesOf(
  name: SeriesName,
  results: readonly WorkResult[],
  figuresOf: (result: ServerResult) => number[],
): Course[] {
  const courses = new Map<string, Course>();
  for (const result of results) {
    const series = workOf(result)?.series;
    if (series?.name !== name) continue;
    for (const each of result.servers) {
      const figures = figuresOf(each);
      if (figures.length === 0) continue;
      const course = courses.get(each.server) ?? { server: each.server, at: [] };
      course.at.push({ size: series.size, value: spreadOf(figures).median });
      courses.set(each.server, course);
    }
  }
  for (const { at } of courses.values()) at.sort((one, other) => one.size - other.size);
  return [...courses.values()];
}

/** None where there is nothing to see how it goes on. */
function tableOf(
  name: SeriesName,
  courses: readonly Course[],
  judged: string,
  shown: (value: number) => string,
  judge: (course: Course) => string[],
): string[] {
  const sizes = [...new Set(courses.flatMap(({ at }) => at.map(({ size }) => size)))].sort((a, b) => a - b);
  if (sizes.length < 2) return [];
  const head = [titles[name], ...sizes.map((size) => size.toLocaleString('en')), judged, 'goal'];
  const rows = courses.map((course) => {
    const values = sizes.map((size) => course.at.find((each) => each.size === size)?.value);
    const cells = values.map((value) => (value === undefined ? '' : shown(value)));
    return [course.server, ...cells, ...judge(course)];
  });
  return [markdownTable(head, rows, 1)];
}
