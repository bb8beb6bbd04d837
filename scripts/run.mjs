// The door of every npm script. It works with nothing but Node (>= 18) and npm on the machine:
// installs the locked dependencies when they are not there, then goes on with the Node that Weir
// is made for, which comes from npm as a dependency.
//
//   node scripts/run.mjs [--build] FILE [ARGUMENTS]
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const stamp = join(root, 'node_modules', '.weir-lock-hash');

/** Installs what package-lock.json says, once for each of its contents. */
function ensureDependencies() {
  const lockHash = createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === lockHash) return;
  console.error('weir: installing dependencies (once, about a minute)');
  // Not `npm ci`: it refuses a lock that was made where the registry lacks some platform's binaries.
  // This installs what the lock says just as well, and leaves the lock alone.
  const npm = spawnSync('npm', ['install', '--no-save', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: root,
    stdio: ['ignore', 2, 2],
  });
  if (npm.status !== 0) {
    console.error('weir: npm install failed; the lines above say why. Is the package registry reachable?');
    process.exit(npm.status ?? 1);
  }
  writeFileSync(stamp, lockHash);
}

/** Path of a Node binary that is new enough: ours from npm, else the one that runs this file. */
function suitableNode() {
  const ours = join(root, 'node_modules', `node-${process.platform}-${process.arch}`, 'bin', 'node');
  if (existsSync(ours)) return ours;
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major < 22 || (major === 22 && minor < 15)) {
    const { node } = process.versions;
    console.error(`weir: needs Node >= 22.15; this is ${node}, and npm has none for this machine`);
    process.exit(1);
  }
  return process.execPath;
}

/** Compiles src/ to dist/; a second run with nothing changed takes a fraction of a second. */
function build(node) {
  const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  const { status } = spawnSync(node, [tsc, '-p', join(root, 'tsconfig.build.json')], {
    stdio: ['ignore', 2, 2],
  });
  if (status !== 0) process.exit(status ?? 1);
}

const args = process.argv.slice(2);
const wantsBuild = args[0] === '--build';
if (wantsBuild) args.shift();
const [script, ...rest] = args;
if (!script) {
  console.error('usage: node scripts/run.mjs [--build] FILE [ARGUMENTS]');
  process.exit(2);
}
ensureDependencies();
const node = suitableNode();
if (wantsBuild) build(node);

const path = [dirname(node), join(root, 'node_modules', '.bin'), process.env.PATH].join(delimiter);
const child = spawn(node, [join(root, script), ...rest], {
  cwd: root,
  stdio: 'inherit',
  env: { ...process.env, PATH: path },
});
// A terminal's Ctrl-C reaches the child by itself; a service manager's SIGTERM does not.
process.on('SIGINT', () => {});
process.on('SIGTERM', () => child.kill('SIGTERM'));
// npm ends on a signal without handing it on. A server must not outlive the command that started it.
const startedBy = process.ppid;
const watching = setInterval(() => {
  if (process.ppid === startedBy) return;
  clearInterval(watching);
  child.kill('SIGTERM');
}, 500);
child.on('error', (error) => {
  console.error(`weir: cannot run ${node}: ${error.message}`);
  process.exit(1);
});
child.on('exit', (code, signal) => process.exit(signal ? 1 : (code ?? 1)));
