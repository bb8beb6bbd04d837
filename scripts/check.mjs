// npm run check: everything about the source that a machine can judge. Each step is named, all are
// run, and the exit code says whether one of them failed.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const bin = (name) => join('node_modules', '.bin', name);
const run = (command, ...args) => spawnSync(command, args, { stdio: 'inherit' }).status === 0;

/** Generates into a folder of its own and compares: generated code must be what proto/ says. */
function generatedIsCurrent() {
  const fresh = mkdtempSync(join(tmpdir(), 'weir-gen-'));
  try {
    if (!run(process.execPath, 'scripts/generate.mjs', '--into', fresh)) return false;
    const files = (folder) => readdirSync(folder, { recursive: true, withFileTypes: true });
    const contents = (folder) =>
      Object.fromEntries(
        files(folder)
          .filter((entry) => entry.isFile())
          .map((entry) => join(entry.parentPath, entry.name))
          .map((path) => [path.slice(folder.length), readFileSync(path, 'utf8')])
          .sort(([a], [b]) => (a < b ? -1 : 1)),
      );
    if (JSON.stringify(contents(fresh)) === JSON.stringify(contents('src/gen'))) return true;
    console.error('src/gen is not what proto/ generates; run: npm run generate');
    return false;
  } finally {
    rmSync(fresh, { recursive: true });
  }
}

const steps = {
  'generated code is current': generatedIsCurrent,
  'interface definitions are well-formed': () =>
    run(process.execPath, 'node_modules/@bufbuild/buf/bin/buf', 'lint'),
  types: () => run(process.execPath, 'node_modules/typescript/bin/tsc', '-p', 'tsconfig.json'),
  'lint and layers': () => run(bin('oxlint'), '--type-aware', '--deny-warnings'),
  format: () => run(bin('prettier'), '--check', '--log-level', 'warn', '.'),
  'dead code': () => run(bin('knip')),
};

const failed = [];
for (const [name, step] of Object.entries(steps)) {
  console.log(`check: ${name}`);
  if (!step()) failed.push(name);
}
if (failed.length > 0) {
  console.error(`check: failed: ${failed.join(', ')}`);
  process.exit(1);
}
console.log('check: all passed');
