// A machine that systemd has booted: with processes, a network and a control group of its own, and this one's programs.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import type { TestContext } from 'node:test';

import { bareMachine, loginEnvironment } from './bare-machine.ts';
import { type Outcome, runBounded } from './bst-process.ts';
import { eventually } from './eventually.ts';

/** Runs a script by bash, as root, which ends at the first command that fails. */
export type RunScript = (script: string) => Promise<Outcome>;

/** Why no machine can be booted here; false where one can. */
export function whyNoMachine(): string | false {
  if (process.getuid?.() !== 0) return 'needs root, to boot a machine';
  try {
    removeGroup(newGroup());
    return false;
  } catch (error) {
    return `needs control groups that can be made, to boot a machine: ${String(error)}`;
  }
}

/** Boots one, which is gone at the end of the test. */
export async function bootMachine(t: TestContext): Promise<RunScript> {
  const group = newGroup();
  const folder = mkdtempSync(join(tmpdir(), 'weir-machine-'));
  const etc = ownEtc(folder);
  const machine = [
    ...bareMachine,
    ...words('--unshare-cgroup --as-pid-1 --cap-add ALL --cap-drop CAP_SYS_MODULE --cap-drop CAP_SYS_TIME'),
    ...words(`--bind ${etc} /etc --ro-bind /sys /sys --bind ${group} /sys/fs/cgroup`),
    ...words('--setenv container bwrap --info-fd 3 /lib/systemd/systemd --unit=basic.target'),
  ];
  const enter = `echo $$ > ${group}/cgroup.procs && exec "$@"`;
  const bwrap = spawn('sh', ['-c', enter, 'sh', 'bwrap', ...machine], {
    env: loginEnvironment('/'),
    stdio: ['ignore', 'ignore', 'inherit', 'pipe'],
  });
  const end = () => bwrap.kill('SIGKILL');
  process.once('exit', end);
  const exit = once(bwrap, 'exit');
  t.after(async () => {
    end();
    await exit;
    process.off('exit', end);
    await eventually(() => removeGroup(group));
    rmSync(folder, { recursive: true, maxRetries: 10, retryDelay: 200 });
  });

  // It comes in pieces, and ends when the machine begins.
  const information = await Promise.race([
    text(bwrap.stdio[3] as Readable),
    exit.then(() => Promise.reject(new Error('bwrap has ended'))),
  ]);
  const { 'child-pid': pid } = JSON.parse(information) as { 'child-pid': number };
  const run: RunScript = async (script) =>
    await runBounded('nsenter', ['--all', `--target=${pid}`, '/bin/bash', '-e', '-c', script], {
      cwd: '/',
      env: loginEnvironment('/root'),
      limit: 300_000,
    });
  await eventually(async () => {
    const { output } = await run('systemctl is-system-running 2>&1 || true');
    return /^(?:running|degraded)$/m.test(output);
  });
  return run;
}

/** This machine's settings, without its services. */
function ownEtc(folder: string): string {
  const etc = join(folder, 'etc');
  const copied = spawnSync('cp', ['-a', '/etc', etc], { encoding: 'utf8' });
  if (copied.status !== 0) throw new Error(copied.stderr);
  const units = join(etc, 'systemd', 'system');
  rmSync(units, { recursive: true, force: true });
  mkdirSync(units, { recursive: true });
  return etc;
}

/** A control group below those of this machine. Throws where there are none, or none can be made. */
function newGroup(): string {
  const [, mountPoint] = /^\S+ (\S+) cgroup2 /m.exec(readFileSync('/proc/self/mounts', 'utf8')) ?? [];
  if (mountPoint === undefined) throw new Error('cgroup2 is not mounted');
  return mkdtempSync(join(mountPoint, 'weir-machine-'));
}

/** Whether it is gone, with those in it: that takes until the last process has ended. */
function removeGroup(group: string): boolean {
  try {
    for (const { name } of readdirSync(group, { withFileTypes: true }).filter((entry) => entry.isDirectory()))
      removeGroup(join(group, name));
    rmdirSync(group);
    return true;
  } catch {
    return false;
  }
}

function words(text: string): string[] {
  return text.split(' ');
}
