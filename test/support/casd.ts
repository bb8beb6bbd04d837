// buildbox-casd as a server: the other implementation that BuildStream 2 is tried with.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';

import { inSid } from './debian-sid.ts';
import { eventually } from './eventually.ts';

export interface Casd {
  /** Sends the signal and waits for the end of everything that was started. */
  stop(signal: NodeJS.Signals): Promise<void>;
}

/** Serves `volume` on pull.sock and push.sock in the folder, both with all rights; resolves once it listens. */
export async function startCasd(volume: string, socketsDir: string): Promise<Casd> {
  await mkdir(volume, { recursive: true });
  const sockets = ['pull.sock', 'push.sock'].map((name) => join(socketsDir, name));
  const binds = sockets.map((path) => `--bind=unix:${path}`);
  const [program, ...args] = inSid(socketsDir, ['/usr/bin/buildbox-casd', ...binds, '--reserved=1M', volume]);
  const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  let words = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => void (words += text));
  const ended = once(child, 'exit');
  await eventually(async () => {
    if (child.exitCode !== null) throw new Error(`buildbox-casd ended with ${child.exitCode}: ${words}`);
    return (await Promise.all(sockets.map(answers))).every(Boolean);
  });
  return {
    async stop(signal) {
      child.kill(signal);
      await ended;
    },
  };
}

async function answers(path: string): Promise<boolean> {
  const socket = connect(path);
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
