// The pages that people read, as the tests of this folder see them.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export const project = join(import.meta.dirname, '..', '..');

/** Every page this folder's tests look after, as paths in the project. */
export const pages = [
  'README.md',
  'CONTRIBUTING.md',
  'CHANGELOG.md',
  'certs/README.md',
  ...readdirSync(join(project, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => join('docs', name)),
];

export function page(path: string): string {
  return readFileSync(join(project, path), 'utf8');
}

export function exists(path: string): boolean {
  return existsSync(join(project, path));
}

/** The text under a heading, its subsections included. Throws where there is no such heading. */
export function section(text: string, heading: string): string {
  const lines = text.split('\n');
  const start = lines.findIndex((line) => line.replace(/^#+ /, '') === heading && line.startsWith('#'));
  if (start === -1) throw new Error(`there is no heading ${JSON.stringify(heading)}`);
  const level = (line: string) => /^#+(?= )/.exec(line)?.[0].length ?? Infinity;
  const own = level(lines[start] ?? '');
  const length = lines.slice(start + 1).findIndex((line) => level(line) <= own);
  return lines.slice(start + 1, length === -1 ? undefined : start + 1 + length).join('\n');
}

/** The rows of all tables in a text, cells trimmed; without the lines under their heads. */
export function tableRows(text: string): string[][] {
  return text
    .split('\n')
    .filter((line) => line.startsWith('|') && !/^\|[\s:|-]+\|$/.test(line))
    .map((line) =>
      line
        .slice(1, -1)
        .split('|')
        .map((cell) => cell.trim()),
    );
}

/** What stands between backticks. */
export function codeWords(text: string): string[] {
  return [...text.matchAll(/`([^`\n]+)`/g)].map(([, word = '']) => word);
}

/** Fenced blocks of one language, in order; '' for those that name none. */
export function fencedBlocks(text: string, language: string): string[] {
  return [...text.matchAll(/^```(\w*)\n(.*?)^```$/gms)]
    .filter(([, found]) => found === language)
    .map(([, , body = '']) => body);
}
