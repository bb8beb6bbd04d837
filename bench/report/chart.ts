// A picture of the ratios: a line for each work and peer, on a scale where twice as fast is as far as half as fast.
import type { WorkResult } from '../results.ts';
import { type Comparison, comparisons, workOf } from './comparison.ts';

const width = 900;
const left = 340;
const right = width - 70;
const lineHeight = 20;
const headHeight = 54;

/** Told apart on light and on dark paper, and by those who do not tell red from green. */
const colors = ['#0072b2', '#d55e00', '#009e73', '#aa5599'];

/** SVG, which follows the reader's choice of light or dark. */
export function ratioChart(results: readonly WorkResult[]): string {
  const groups = results.map((result) => ({
    title: workOf(result)?.title ?? result.work,
    compared: comparisons(result),
  }));
  const all = groups.flatMap(({ compared }) => compared);
  const place = scaleOver(all);
  const peers = [...new Set(all.map(({ peer }) => peer))];
  const colorOf = (peer: string) => colors[peers.indexOf(peer) % colors.length] ?? '';

  const body: string[] = [];
  let y = headHeight;
  for (const { title, compared } of groups.filter((group) => group.compared.length > 0)) {
    body.push(text(12, y + 14, title));
    for (const each of compared) {
      body.push(line(each, y + 10, place, colorOf(each.peer)));
      y += lineHeight;
    }
    y += 8;
  }
  return page(y, [
    ...legend(peers, colorOf),
    ...ticksOf(all).map((tick) => tickLine(tick, place(tick), y)),
    ...body,
  ]);
}

type Place = (ratio: number) => number;

function scaleOver(all: readonly Comparison[]): Place {
  const ticks = ticksOf(all);
  const low = Math.log(Math.min(...ticks));
  const high = Math.log(Math.max(...ticks));
  return (ratio) => left + ((Math.log(ratio) - low) / (high - low)) * (right - left);
}

/** Powers of ten with their twos and fives, around all ratios and 1. */
function ticksOf(all: readonly Comparison[]): number[] {
  const low = Math.min(0.5, ...all.map(({ ratio }) => ratio.min));
  const high = Math.max(2, ...all.map(({ ratio }) => ratio.max));
  const steps = [-3, -2, -1, 0, 1, 2, 3, 4].flatMap((power) => [1, 2, 5].map((step) => step * 10 ** power));
  const first = steps.findLastIndex((step) => step <= low);
  const last = steps.findIndex((step) => step >= high);
  return steps.slice(Math.max(0, first), last + 1);
}

function line({ ratio, peer }: Comparison, y: number, place: Place, color: string): string {
  const [from, middle, to] = [ratio.min, ratio.median, ratio.max].map((value) => place(value).toFixed(1));
  const value = Number(ratio.median.toPrecision(3));
  return (
    `<g><title>${peer}: ${value}</title>` +
    `<path d="M${from} ${y}H${to}" stroke="${color}" stroke-width="3"/>` +
    `<circle cx="${middle}" cy="${y}" r="5" fill="${color}"/>` +
    `${text(right + 12, y + 4, String(value))}</g>`
  );
}

function tickLine(tick: number, x: number, bottom: number): string {
  const kind = tick === 1 ? 'one' : 'tick';
  const label = Number(tick.toPrecision(1));
  return `<path class="${kind}" d="M${x.toFixed(1)} ${headHeight - 6}V${bottom}"/>${text(x - 8, headHeight - 12, String(label))}`;
}

function legend(peers: readonly string[], colorOf: (peer: string) => string): string[] {
  return peers.map(
    (peer, index) =>
      `<circle cx="${left + index * 150}" cy="14" r="5" fill="${colorOf(peer)}"/>${text(left + 10 + index * 150, 18, peer)}`,
  );
}

function text(x: number, y: number, words: string): string {
  return `<text x="${x.toFixed(1)}" y="${y}">${words}</text>`;
}

function page(height: number, body: readonly string[]): string {
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img">
<title>Throughput of Weir divided by that of each peer</title>
<style>
  text { font: 12px sans-serif; fill: #222 }
  .paper { fill: #fff }
  path { fill: none }
  .tick { stroke: #8884 }
  .one { stroke: #888; stroke-width: 2 }
  @media (prefers-color-scheme: dark) { text { fill: #ddd } .paper { fill: #15181c } }
</style>
<rect class="paper" width="${width}" height="${height}"/>
${body.join('\n')}
</svg>
`;
}
