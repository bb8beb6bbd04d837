// The command `bst-artifact-server`, in both implementations: BuildStream's own, which Weir replaces and is
// compared with, and Weir's.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { systemPython } from './real-parts.ts';

export type Implementation = 'reference' | 'weir';

export interface ArtifactServer {
  port: number;
  pid: number;
  output(): string;
  /** Sends the signal and waits for the end; what the process ended with. */
  stop(signal?: NodeJS.Signals): Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
}

// Debian's package has the server but not the command; this is what the command's entry point does.
const referenceLauncher =
  'import sys; sys.argv[0] = "bst-artifact-server"\n' +
  'from buildstream._artifactcache.casserver import server_main\nserver_main()';

/** Program and first arguments that run the command. */
export function artifactServerCommand(implementation: Implementation): [program: string, ...args: string[]] {
  if (implementation === 'reference') return [systemPython, '-c', referenceLauncher];
  return [process.execPath, join(import.meta.dirname, '..', '..', 'bin', 'bst-artifact-server')];
}

/** Starts it with these flags, on a free port unless one is given; resolves once it listens. */
export async function startArtifactServer(
  implementation: Implementation,
  repository: string,
  flags: string[] = [],
  wantedPort = 0,
): Promise<ArtifactServer> {
  const [program, ...first] = artifactServerCommand(implementation);
  const child = spawn(program, [...first, '--port', `${wantedPort}`, ...flags, repository], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  const add = (text: string): void => void (output += text);
  child.stdout.setEncoding('utf8').on('data', add);
  child.stderr.setEncoding('utf8').on('data', add);
  const ended = once(child, 'exit');

  const { pid } = child;
  if (pid === undefined) throw new Error(`${program} could not be started`);
  const stop: ArtifactServer['stop'] = async (signal = 'SIGTERM') => {
    child.kill(signal);
    await ended;
    return { code: child.exitCode, signal: child.signalCode };
  };
  for (let tries = 0; tries < 300; tries += 1) {
    if (child.exitCode !== null)
      throw new Error(`${implementation} server ended with ${child.exitCode}:\n${output}`);
    const port = listeningPort(pid);
    if (port !== undefined) return { port, pid, output: () => output, stop };
    await sleep(50);
  }
  await stop('SIGKILL');
  throw new Error(`${implementation} server does not listen after 15 s:\n${output}`);
}

/** TCP port that a process listens on. The reference takes `--port 0` and never says what it got. */
function listeningPort(pid: number): number | undefined {
  const sockets = new Set(openFiles(pid).map((target) => /^socket:\[(\d+)\]$/.exec(target)?.[1]));
  for (const table of ['tcp', 'tcp6']) {
    for (const line of readFileSync(`/proc/${pid}/net/${table}`, 'latin1').split('\n').slice(1)) {
      const [, local, , state, , , , , , inode] = line.trim().split(/\s+/);
      if (state === '0A' && sockets.has(inode)) return Number.parseInt(local?.split(':')[1] ?? '', 16);
    }
  }
  return undefined;
}

function openFiles(pid: number): string[] {
  const folder = `/proc/${pid}/fd`;
  return readdirSync(folder).flatMap((name) => {
    try {
      return [readlinkSync(join(folder, name))];
    } catch {
      return []; // Closed between the two calls.
    }
  });
}
