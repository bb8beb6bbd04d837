// Bazel as a user runs it: with a home, a workspace, an output base and a server process of its own. Nothing is
// fetched: the workspaces have no rules that Debian's package does not carry.
import { randomUUID } from 'node:crypto';
import { copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { bazelProgram, nettyLibrary, nettyLibraryName } from './bazel-install.ts';
import { writeWorkspace } from './bazel-workspace.ts';
import { endMarked, runBounded } from './bst-process.ts';
import type { Outcome } from './bst-process.ts';
import { describeTree } from './bst-project.ts';

/** How a build ended. */
export interface Build extends Outcome {
  /** How many actions got their results which way, in Bazel's words: `remote cache hit`, `local`, `internal`. */
  actions: Record<string, number>;
}

export interface BazelClient {
  /** What is in the workspace's .bazelrc from the next build on. */
  useConfiguration(bazelrc: string): Promise<void>;
  /** Builds everything in the workspace. Rejects when it does not end in time: a client must never hang. */
  build(...flags: string[]): Promise<Build>;
  /** Loses everything that was built, so that the next build has to get it from somewhere. */
  clean(): Promise<void>;
  /** What the last build made, described. */
  outputs(): Promise<Record<string, string>>;
}

/** What a new client may be told. */
export interface BazelOptions {
  /** Where everything of it is, and is to be made; otherwise in a new folder among the temporary ones. */
  home?: string;
  /** Java's name for a setting of the server process -> its value. */
  properties?: Record<string, string>;
  /** Writes what is to be built into a folder that is not there yet; by default the workspace that tests know. */
  workspace?(this: void, folder: string): Promise<void>;
  /** How long a run may take. Milliseconds. */
  limit?: number;
}

/** Whose end is the client's end: a test, or whoever calls what it was given. */
export interface Lifetime {
  after(action: () => Promise<void>): void;
}

/** On a machine where everything is tested at once, the start of the server process alone can take half a minute. */
const longestRun = 240_000;

// Most of a short life of a server process is spent on starting it: half of that is saved by compiling less.
const javaFlags = ['-Xmx512m', '-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC'];
const buildFlags = ['--jobs=2', '--spawn_strategy=local', '--nosandbox_debug', '--color=no', '--curses=no'];

/** A user with a new home. Its server process is ended, and everything of it removed, with the lifetime. */
export async function bazelClient(lifetime: Lifetime, options: BazelOptions = {}): Promise<BazelClient> {
  const home = options.home ?? (await mkdtemp(join(tmpdir(), 'weir-bazel-')));
  const workspace = join(home, 'workspace');
  const mark = randomUUID();
  const properties = { ...options.properties, 'java.library.path': await libraryFolder(home) };
  const settings = Object.entries(properties).map(([name, value]) => `-D${name}=${value}`);
  const startUp = [
    '--nohome_rc',
    `--output_user_root=${join(home, 'root')}`,
    '--max_idle_secs=300',
    ...[...javaFlags, ...settings].map((flag) => `--host_jvm_args=${flag}`),
  ];
  const run = (...args: string[]): Promise<Outcome> => {
    const env = { HOME: home, USER: 'user', LANG: 'C.UTF-8', PATH: '/usr/bin:/bin:/usr/sbin:/sbin' };
    return runBounded(bazelProgram, [...startUp, ...args], {
      cwd: workspace,
      env,
      limit: options.limit ?? longestRun,
      mark,
    });
  };

  await (options.workspace ?? writeWorkspace)(workspace);
  // Its server process outlives each run.
  const endWithUs = () => endMarked(mark);
  process.prependOnceListener('exit', endWithUs);
  lifetime.after(async () => {
    try {
      // Its own way to remove what it has made unwritable; ends the server process, too.
      await run('clean', '--expunge');
    } finally {
      endMarked(mark);
      process.off('exit', endWithUs);
      await rm(home, { recursive: true, force: true });
    }
  });
  return {
    useConfiguration: (bazelrc) => writeFile(join(workspace, '.bazelrc'), bazelrc),
    async build(...flags) {
      const outcome = await run('build', ...buildFlags, ...flags, '//:all');
      return { ...outcome, actions: actionsOf(outcome.output) };
    },
    async clean() {
      const { code, output } = await run('clean');
      if (code !== 0) throw new Error(`bazel clean ended with ${code}:\n${output}`);
    },
    outputs: () => describeTree(join(workspace, 'bazel-bin')),
  };
}

/** Where the server process finds what it speaks TLS with. */
async function libraryFolder(home: string): Promise<string> {
  const library = nettyLibrary();
  if (library === undefined) throw new Error('libnetty-tcnative-jni is not installed');
  const folder = join(home, 'libraries');
  await mkdir(folder, { recursive: true });
  await copyFile(library, join(folder, nettyLibraryName));
  return folder;
}

/** `INFO: 6 processes: 5 remote cache hit, 1 internal.`: the only line that has them. */
function actionsOf(output: string): Record<string, number> {
  const [, list = ''] = /^INFO: \d+ process(?:es)?: (.*)\.$/m.exec(output) ?? [];
  const pairs = list.matchAll(/(\d+) ([^,]+)/g);
  return Object.fromEntries(Array.from(pairs, ([, count, way]) => [way, Number(count)]));
}
