// remotetool, the command line client of the Remote Execution API's Go library. Its module has no releases: one
// version is built here from the Go module proxy, and kept between runs.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';

/** Names the version, and has the source of the second program. */
const recipe = join(import.meta.dirname, 'remotetool');
const packages = ['github.com/bazelbuild/remote-apis-sdks/go/cmd/remotetool', './compressed'];
const patienceMs = 1_200_000;

/** Where the programs are, or would be: another recipe is another folder. Whoever deletes it gets it made again. */
const folder = join(
  process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'),
  'weir',
  `remotetool-${recipeHash()}`,
);

/** Path of remotetool as it is published. */
export const remotetoolProgram = join(folder, 'remotetool');
/** Path of the program of ours that moves blobs compressed. */
export const compressedProgram = join(folder, 'compressed');

/** Whether it has been built. */
export function hasRemotetool(): boolean {
  return existsSync(folder);
}

/** Builds it, with the machine's Go or Debian's. Says why it cannot. Several may build at once. */
export function makeRemotetool(say: (line: string) => void): void {
  if (hasRemotetool()) return;
  say('building remotetool with go (once, some minutes)');
  mkdirSync(dirname(folder), { recursive: true });
  const unfinished = mkdtempSync(`${folder}.`);
  try {
    const source = join(unfinished, 'source');
    cpSync(recipe, source, { recursive: true });
    const { status, error } = goBuild(source, unfinished);
    rmSync(source, { recursive: true });
    if (status === 0) publish(unfinished);
    else say(`go did not build remotetool: ${error?.message ?? 'its last lines are above'}`);
  } finally {
    rmSync(unfinished, { recursive: true, force: true });
  }
}

/** The sources are copies: -mod=mod lets go write the versions of what the module needs itself into them. */
function goBuild(source: string, output: string) {
  const places = [process.env['PATH'] ?? '', '/usr/local/go/bin', '/usr/lib/go/bin', '/usr/bin'];
  return spawnSync('go', ['build', '-o', `${output}/`, ...packages], {
    cwd: source,
    env: {
      ...process.env,
      PATH: places.join(delimiter),
      CGO_ENABLED: '0',
      GOFLAGS: '-mod=mod',
      GOTOOLCHAIN: 'local',
      GOWORK: 'off',
    },
    stdio: ['ignore', 'ignore', 2],
    timeout: patienceMs,
  });
}

/** Only whole builds get the name. Where another process was faster, its build is as good. */
function publish(unfinished: string): void {
  try {
    renameSync(unfinished, folder);
  } catch (error) {
    if (!hasRemotetool()) throw error;
  }
}

function recipeHash(): string {
  const hash = createHash('sha256');
  for (const name of ['go.mod', 'compressed/main.go']) hash.update(readFileSync(join(recipe, name)));
  return hash.digest('hex').slice(0, 12);
}
