// Literals of TypeScript's types, judged by the compiler: unlike schemas, types say which fields do not exist.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Packages of the project itself. */
export const projectModules = join(import.meta.dirname, '..', '..', 'node_modules');

const tsc = join(projectModules, 'typescript', 'bin', 'tsc');

const options = {
  strict: true,
  noEmit: true,
  skipLibCheck: true,
  allowImportingTsExtensions: true,
  module: 'nodenext',
  moduleResolution: 'nodenext',
  target: 'es2024',
  types: [],
};

/**
 * What is wrong with a source text, in the compiler's words and with the lines that they speak of; nothing when nothing
 * is. It may import packages of `modules`.
 */
export function typeFaults(text: string, modules: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'weir-types-'));
  try {
    symlinkSync(modules, join(folder, 'node_modules'));
    writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
    writeFileSync(
      join(folder, 'tsconfig.json'),
      JSON.stringify({ compilerOptions: options, files: ['objects.ts'] }),
    );
    writeFileSync(join(folder, 'objects.ts'), text);
    const compiled = spawnSync(process.execPath, [tsc, '-p', folder, '--pretty', 'false'], {
      encoding: 'utf8',
      cwd: folder,
    });
    if (compiled.status === 0) return '';
    return `${compiled.stdout}${compiled.stderr}`.replaceAll(
      /\((\d+),\d+\): /g,
      (place, line: string) => `${place}${text.split('\n')[Number(line) - 1]?.trim()}: `,
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
}
