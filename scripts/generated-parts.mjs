// What the scripts that write into pages share: a part of a page stands between a line that says "generated: NAME" and
// the next "end".
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { format, resolveConfig } from 'prettier';

const project = join(import.meta.dirname, '..');
const end = '<!-- end -->';

/** The names of a page's parts, in their order. */
export function partNames(page) {
  return [...readFileSync(join(project, page), 'utf8').matchAll(/^<!-- generated: (.+) -->$/gm)].map(
    ([, name]) => name,
  );
}

/**
 * Writes the parts, a Map from names to Markdown, into a page; one without a place gets a section at the end. With
 * `--check` on the command line it changes nothing, and the exit code is 1 when the page would become another.
 */
export async function writeParts(page, parts) {
  const path = join(project, page);
  const before = readFileSync(path, 'utf8');
  let text = before;
  for (const [name, part] of parts) {
    const begin = `<!-- generated: ${name} -->`;
    if (!text.includes(begin)) text = `${text.trimEnd()}\n\n## ${name}\n\n${begin}\n\n${end}\n`;
    const from = text.indexOf(begin) + begin.length;
    const to = text.indexOf(end, from);
    if (to === -1) throw new Error(`${page}: there is no end of ${name}`);
    text = `${text.slice(0, from)}\n\n${part}\n\n${text.slice(to)}`;
  }
  text = await format(text, { ...(await resolveConfig(path)), parser: 'markdown' });
  if (text === before) return;
  if (!process.argv.includes('--check')) {
    writeFileSync(path, text);
    return;
  }
  const script = process.argv[1].slice(project.length + 1);
  console.error(`${page} is not what the code says; run: node scripts/run.mjs --build ${script}`);
  process.exitCode = 1;
}
