import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { figuresStyle } from './style/figures.ts';
import { frameStyle } from './style/frame.ts';
import { partsStyle } from './style/parts.ts';

/** A file of the pages: the same bytes at its path for ever, for the path has their hash. */
export interface Asset {
  readonly type: string;
  readonly bytes: Buffer;
}

const javascript = 'text/javascript; charset=utf-8';
const stylesheet = 'text/css; charset=utf-8';

const icon = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="7" fill="#0a6685"/><g fill="none" stroke="#fff" stroke-width="2.4" stroke-linecap="round"><path d="M4 11q3-3 6 0t6 0v4M16 15q0 6 3 7t3 0t3 0t3 0"/><path d="M4 16h12M4 21h12" opacity=".55"/></g></svg>`;

const packages = createRequire(import.meta.url);
const files = {
  style: { name: 'page.css', type: stylesheet, bytes: Buffer.from(frameStyle + figuresStyle + partsStyle) },
  script: {
    name: 'charts.js',
    type: javascript,
    bytes: ownScript(),
  },
  icon: { name: 'icon.svg', type: 'image/svg+xml', bytes: Buffer.from(icon) },
  // As the package has them: nothing of it is a part of ours.
  chartLibrary: {
    name: 'uplot.js',
    type: javascript,
    bytes: readFileSync(packages.resolve('uplot/dist/uPlot.iife.min.js')),
  },
  chartStyle: {
    name: 'uplot.css',
    type: stylesheet,
    bytes: readFileSync(packages.resolve('uplot/dist/uPlot.min.css')),
  },
} as const;

const folder = '/status/assets/';

/** Where the files of the pages are. */
export const assetPaths = Object.fromEntries(
  Object.entries(files).map(([key, { name, bytes }]) => [key, pathOf(name, bytes)]),
) as Readonly<Record<keyof typeof files, string>>;

const byPath: ReadonlyMap<string, Asset> = new Map(
  Object.values(files).map(({ name, type, bytes }) => [pathOf(name, bytes), { type, bytes }]),
);

export function assetAt(path: string): Asset | undefined {
  return byPath.get(path);
}

/** Without the word of where its source is, which nobody serves. */
function ownScript(): Buffer {
  const text = readFileSync(new URL('browser/charts.js', import.meta.url), 'utf8');
  return Buffer.from(text.replace(/\n\/\/# sourceMappingURL=.*/, ''));
}

function pathOf(name: string, bytes: Buffer): string {
  return `${folder}${createHash('sha256').update(bytes).digest('hex').slice(0, 16)}/${name}`;
}
