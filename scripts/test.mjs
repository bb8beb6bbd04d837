// Runs the tests: everything, or what is named.
//
//   npm test [-- [--no-real-parts] [--long] [FILE …] [--test-name-pattern PATTERN] [other options of node --test]]
//
// --long runs the tests of the promises at the sizes that the promises ask for: hours. One after the other. It also gets
// those real parts that take too long to make for every run, and runs the suite that wants them.
// --no-real-parts leaves out the suites that run BuildStream, Bazel, nginx, Prometheus, containers or kubectl, and the set-up for them.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const suitesOfRealParts = ['bst', 'bst2', 'nginx', 'bazel', 'compose', 'monitoring', 'kubernetes'].map(
  (name) => join('test', name, '/'),
);
const optionsWithValue = new Set([
  '--test-name-pattern',
  '--test-skip-pattern',
  '--test-concurrency',
  '--test-reporter',
]);

let realParts = true;
let long = false;
const options = [];
const named = [];
const args = process.argv.slice(2);
while (args.length > 0) {
  const arg = args.shift();
  if (arg === '--no-real-parts') realParts = false;
  else if (arg === '--long') long = true;
  else if (optionsWithValue.has(arg)) options.push(`${arg}=${args.shift()}`);
  else (arg.startsWith('--') ? options : named).push(arg);
}

const files = named.length > 0 ? named : testFiles();
// Without a name, node --test would look for files itself, and run our support modules as tests.
if (files.length === 0) {
  console.error('no test files');
  process.exit(1);
}
// Node strips the types itself from 22.18 on; before that it has to be asked, and warns.
const stripTypes = process.features.typescript
  ? []
  : ['--experimental-strip-types', '--disable-warning=ExperimentalWarning'];

if (long) process.env.WEIR_TEST_SIZE = 'long';
if (realParts) await run([...stripTypes, fileURLToPath(import.meta.resolve('../test/support/set-up.ts'))]);
await run([
  ...stripTypes,
  '--test',
  ...(options.some((option) => option.startsWith('--test-reporter')) ? [] : ['--test-reporter=spec']),
  // The suites wait for other processes more than they compute; two at a time left a third of two cores idle.
  `--test-concurrency=${long ? 1 : availableParallelism() + 1}`,
  `--test-timeout=${long ? 4 * 3_600_000 : 1_200_000}`,
  ...options,
  ...files,
]);

/** Every test file of the tree; of a long run, those that have a long size or want what only it makes. */
function testFiles() {
  const folders = long
    ? ['promises', 'fuzz', 'install', 'kubernetes'].map((name) => join('test', name))
    : ['test'];
  const filesIn = (folder) => readdirSync(folder, { recursive: true }).map((name) => join(folder, name));
  return folders
    .flatMap(filesIn)
    .filter((path) => path.endsWith('.test.ts') && (long || !path.endsWith('.long.test.ts')))
    .filter((path) => realParts || !suitesOfRealParts.some((suite) => path.startsWith(suite)))
    .sort((one, other) => (one < other ? -1 : 1));
}

/** Ends with the program's own exit code where that is not 0. */
async function run(nodeArguments) {
  const child = spawn(process.execPath, nodeArguments, { stdio: 'inherit' });
  const passOn = () => child.kill('SIGTERM');
  process.once('SIGTERM', passOn);
  const [code] = await once(child, 'exit');
  process.off('SIGTERM', passOn);
  if (code !== 0) process.exit(code ?? 1);
}
