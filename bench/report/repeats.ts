// How far two runs differ.
import type { WorkResult } from '../results.ts';
import type { Spread } from '../statistics.ts';
import { comparisons, type Comparison, workOf } from './comparison.ts';
import { markdownTable, spread } from './cells.ts';

/**
 * Markdown with a heading: every ratio that has a goal, of both runs. Only what was measured of the same version of Weir
 * is a repeat; empty where nothing was.
 */
export function repeats(first: readonly WorkResult[], second: readonly WorkResult[]): string {
  const rows = first.flatMap((result) => {
    const again = second.find(({ work, servers }) => work === result.work && isOfSameWeir(result, servers));
    if (again === undefined) return [];
    const seconds = comparisons(again);
    return comparisons(result).flatMap((each) => {
      const repeat = seconds.find(({ peer }) => peer === each.peer);
      if (each.goal === undefined || repeat === undefined) return [];
      return [rowOf(workOf(result)?.title ?? result.work, each, repeat)];
    });
  });
  if (rows.length === 0) return '';
  const head = ['work', 'against', 'ratio', 'second run', 'difference', 'within the rounds'];
  return `#### Run twice\n\n${markdownTable(head, rows, 2)}`;
}

function isOfSameWeir({ servers: [weir] }: WorkResult, [other]: WorkResult['servers']): boolean {
  return weir !== undefined && weir.version === other?.version;
}

function rowOf(title: string, { peer, ratio }: Comparison, again: Comparison): string[] {
  const difference = Math.round((again.ratio.median / ratio.median - 1) * 100);
  return [
    title,
    peer,
    spread(ratio),
    spread(again.ratio),
    `${difference > 0 ? '+' : ''}${difference}%`,
    overlap(ratio, again.ratio) ? 'yes' : 'no',
  ];
}

/** Whether some round of one might as well be of the other. */
function overlap(one: Spread, other: Spread): boolean {
  return one.min <= other.max && other.min <= one.max;
}
