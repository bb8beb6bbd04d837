// A picture of where a process's time went: below each function those that called it, as wide as the time that it took.
import { basename, dirname } from 'node:path';

/** What `node --cpu-prof` writes, as far as it is needed here. */
export interface CpuProfile {
  readonly nodes: readonly ProfileNode[];
  /** Ids of nodes, one for each sample, and the microseconds since the sample before. */
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

interface ProfileNode {
  readonly id: number;
  readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
  readonly children?: readonly number[];
}

/** A function as it was called from those above it. Microseconds. */
interface Frame {
  readonly label: string;
  total: number;
  readonly callees: Map<string, Frame>;
}

const [width, rowHeight, headHeight] = [1200, 17, 40];
/** What would be narrower is left out. Pixels. */
const narrowest = 0.6;
const widthOfLetter = 6.6;
const idle = new Set(['(idle)', '(program)']);

/** SVG of the last seconds of a profile, without what it waited. */
export function flameGraph(title: string, profile: CpuProfile, seconds: number): string {
  const root = framesOf(profile, seconds * 1e6);
  const rows = depthOf(root);
  const height = headHeight + rows * rowHeight + 6;
  const bars: string[] = [];
  draw(root, { x: 0, row: 0, perMicrosecond: width / Math.max(1, root.total), all: root.total }, bars);
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img">
<title>${escaped(title)}</title>
<style>
  text { font: 11px monospace; fill: #111 }
  .title { font: 14px sans-serif; fill: #222 }
  .paper { fill: #fff }
  rect { stroke: #fff; stroke-width: 0.5 }
  @media (prefers-color-scheme: dark) { .title { fill: #ddd } .paper { fill: #15181c } rect { stroke: #15181c } }
</style>
<rect class="paper" width="${width}" height="${height}"/>
<text class="title" x="8" y="22">${escaped(title)}</text>
${bars.join('\n')}
</svg>
`;
}

/** The tree of calls, whose branches of one name are one. */
function framesOf({ nodes, samples, timeDeltas }: CpuProfile, lastMicroseconds: number): Frame {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const callers = new Map(nodes.flatMap(({ id, children = [] }) => children.map((child) => [child, id])));
  const root = frame('all');
  let before = 0;
  for (let index = samples.length - 1; index >= 0 && before < lastMicroseconds; index--) {
    const took = timeDeltas[index] ?? 0;
    before += took;
    const path: string[] = [];
    for (let id = samples[index]; id !== undefined; id = callers.get(id)) {
      const node = byId.get(id);
      if (node !== undefined) path.unshift(labelOf(node));
    }
    if (idle.has(path.at(-1) ?? '')) continue;
    add(root, path.slice(1), took);
  }
  return root;
}

function add(root: Frame, path: readonly string[], took: number): void {
  root.total += took;
  let current = root;
  for (const label of path) {
    const callee = current.callees.get(label) ?? frame(label);
    current.callees.set(label, callee);
    callee.total += took;
    current = callee;
  }
}

function frame(label: string): Frame {
  return { label, total: 0, callees: new Map() };
}

function labelOf({ callFrame: { functionName, url, lineNumber } }: ProfileNode): string {
  const name = functionName === '' ? '(anonymous)' : functionName;
  return url === '' ? name : `${name} ${basename(dirname(url))}/${basename(url)}:${lineNumber + 1}`;
}

function depthOf({ callees }: Frame): number {
  return 1 + Math.max(0, ...[...callees.values()].map(depthOf));
}

interface Place {
  readonly x: number;
  readonly row: number;
  readonly perMicrosecond: number;
  readonly all: number;
}

function draw({ label, total, callees }: Frame, place: Place, bars: string[]): void {
  const { x, row, perMicrosecond, all } = place;
  const wide = total * perMicrosecond;
  if (wide < narrowest) return;
  const y = headHeight + row * rowHeight;
  const share = `${((100 * total) / Math.max(1, all)).toFixed(1)}%`;
  const letters = Math.floor((wide - 6) / widthOfLetter);
  const words =
    letters < 3
      ? ''
      : `<text x="${(x + 3).toFixed(1)}" y="${y + 12}">${escaped(label.slice(0, letters))}</text>`;
  bars.push(
    `<g><title>${escaped(label)}: ${share}</title><rect x="${x.toFixed(1)}" y="${y}" width="${wide.toFixed(1)}" height="${rowHeight - 1}" fill="${colorOf(label)}"/>${words}</g>`,
  );
  let from = x;
  for (const callee of [...callees.values()].sort((one, other) => other.total - one.total)) {
    draw(callee, { ...place, x: from, row: row + 1 }, bars);
    from += callee.total * perMicrosecond;
  }
}

/** Ours, the runtime's own, and what is native. */
function colorOf(label: string): string {
  if (/ (?:rpc|core|store|grpc|http2|http|wire|telemetry|gen)\//.test(label)) return '#f0b95b';
  return label.includes('/') ? '#8fc1e3' : '#d3b6dc';
}

function escaped(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}
