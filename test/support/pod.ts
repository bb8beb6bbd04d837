// Containers of the manifest's pod without Kubernetes: each command in a root of its own, with the user, the groups, the
// mounts and the read-only file system that the manifest says. bubblewrap makes the roots, which takes root.
import { spawn, spawnSync } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import type { TestContext } from 'node:test';

import { containerOf, deploymentOf, environmentOf } from './kubernetes-objects.ts';
import type { KubernetesObject } from './kubernetes-objects.ts';

const project = join(import.meta.dirname, '..', '..');

/** What a command in a container has printed, and how it ended. */
export interface Ran {
  status: number | null;
  stdout: string;
  stderr: string;
}

export interface ImageCommand {
  command?: readonly string[];
  environment?: Readonly<Record<string, string>>;
}

export interface Pod {
  /** Runs a command in a container's root, as a probe does. `user` instead of the container's, with its group. */
  exec(container: string, command: readonly string[], user?: number): Ran;
  /**
   * Starts a container with its own command, or with one of its image's, and with these variables over its own. Ended
   * with the test. `output` is what it has printed so far.
   */
  start(container: string, own?: ImageCommand): { process: ChildProcess; output: () => string };
  /** Gives a projected volume these files, as the kubelet does: in one step, seen through links. */
  project(volume: string, files: Readonly<Record<string, string>>): void;
  /** Where a volume is on this machine. */
  pathOf(volume: string): string;
}

/** The pod of the rendered objects, its volumes empty. */
export function pod(t: TestContext, objects: readonly KubernetesObject[]): Pod {
  const { spec } = deploymentOf(objects).spec.template;
  const group = spec.securityContext?.fsGroup ?? 0;
  const volumes = mkdtempSync(join(tmpdir(), 'weir-pod-'));
  const running: ChildProcess[] = [];
  t.after(async () => {
    await Promise.all(running.map(ended));
    // What the end of a container ends may still be writing.
    rmSync(volumes, { recursive: true, maxRetries: 10, retryDelay: 200 });
  });
  for (const { name } of spec.volumes ?? []) ownedFolder(join(volumes, name), group);

  function commandLine(
    name: string,
    command: readonly string[],
    { user, environment = {} }: { user?: number | undefined; environment?: Readonly<Record<string, string>> },
  ): string[] {
    const container = containerOf(objects, name);
    const { securityContext: own, volumeMounts = [] } = container;
    const uid = user ?? own?.runAsUser ?? spec.securityContext?.runAsUser ?? 0;
    const gid = user ?? own?.runAsGroup ?? uid;
    const mounts = volumeMounts.flatMap((mount) => [
      mount.readOnly === true ? '--ro-bind' : '--bind',
      join(volumes, mount.name),
      mount.mountPath,
    ]);
    const variables = Object.entries({
      ...imageEnvironment,
      ...environmentOf(objects, container),
      ...environment,
    });
    return [
      ...image,
      ...mounts,
      ...(own?.readOnlyRootFilesystem === true ? ['--remount-ro', '/'] : []),
      '--clearenv',
      ...variables.flatMap(([variable, value]) => ['--setenv', variable, value]),
      ...words('--cap-add CAP_SETUID --cap-add CAP_SETGID --cap-add CAP_SETPCAP'),
      ...words(`/usr/bin/setpriv --reuid=${uid} --regid=${gid} --groups=${group}`),
      ...words('--bounding-set=-all --no-new-privs --'),
      ...command,
    ];
  }

  return {
    exec: (name, command, user) =>
      spawnSync('bwrap', commandLine(name, command, { user }), { encoding: 'utf8' }),
    start(name, { command = containerOf(objects, name).command ?? [], environment = {} } = {}) {
      const child = spawn('bwrap', ['--die-with-parent', ...commandLine(name, command, { environment })], {
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      let text = '';
      for (const stream of [child.stdout, child.stderr])
        stream.on('data', (chunk: Buffer) => (text += chunk.toString()));
      running.push(child);
      return { process: child, output: () => text };
    },
    project: (volume, files) => projectFiles(join(volumes, volume), files, group),
    pathOf: (volume) => join(volumes, volume),
  };
}

/** This machine's programs, and Weir where its image has it. */
const image = [
  ...words('--unshare-pid --unshare-ipc --unshare-uts --proc /proc --dev /dev'),
  ...['usr', 'etc'].flatMap((name) => ['--ro-bind', `/${name}`, `/${name}`]),
  ...['bin', 'sbin', 'lib', 'lib64'].flatMap((name) => ['--symlink', `usr/${name}`, `/${name}`]),
  // What bubblewrap makes by itself is for root alone.
  ...['/app', '/node', '/run'].flatMap((folder) => ['--perms', '0755', '--dir', folder]),
  '--ro-bind',
  process.execPath,
  '/node/node',
  ...['package.json', 'dist', 'node_modules'].flatMap((name) => [
    '--ro-bind',
    join(project, name),
    `/app/${name}`,
  ]),
  // nginx's scripts, which its image has elsewhere.
  '--ro-bind',
  join(project, 'nginx'),
  '/app/nginx',
  '--chdir',
  '/app',
];
const imageEnvironment = { PATH: '/node:/usr/sbin:/usr/bin', NODE_ENV: 'production' };

/** An emptyDir, or the root of another volume, as the kubelet leaves it for a group. */
function ownedFolder(path: string, group: number): void {
  mkdirSync(path);
  chownSync(path, 0, group);
  chmodSync(path, 0o2777);
}

function projectFiles(volume: string, files: Readonly<Record<string, string>>, group: number): void {
  const before = readdirSync(volume).filter((name) => name.startsWith('..2'));
  const fresh = mkdtempSync(join(volume, '..2026_'));
  chownSync(fresh, 0, group);
  chmodSync(fresh, 0o2755);
  for (const [name, source] of Object.entries(files)) {
    cpSync(source, join(fresh, name));
    chownSync(join(fresh, name), 0, group);
    chmodSync(join(fresh, name), 0o440);
  }
  symlinkSync(basename(fresh), join(volume, '..data_tmp'));
  renameSync(join(volume, '..data_tmp'), join(volume, '..data'));
  const shown = readdirSync(volume).filter((name) => !name.startsWith('..'));
  for (const name of shown.filter((name) => !Object.hasOwn(files, name))) rmSync(join(volume, name));
  for (const name of Object.keys(files).filter((name) => !shown.includes(name)))
    symlinkSync(join('..data', name), join(volume, name));
  for (const name of before) rmSync(join(volume, name), { recursive: true });
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await exit;
}

function words(text: string): string[] {
  return text.split(' ');
}
