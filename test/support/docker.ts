// Docker for tests: a daemon with the base images that the project builds on.
import { execFile, spawnSync } from 'node:child_process';
import { copyFile, chmod, mkdir, readFile, stat } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { findCommand } from './real-parts.ts';

const run = promisify(execFile);
const repository = fileURLToPath(new URL('../..', import.meta.url));

/** Builds stand-ins for base images where there is no image registry; see CONTRIBUTING. */
const containerLab = process.env['CONTAINER_LAB'] ?? join(repository, '..', 'shared', 'container-lab');

export interface Docker {
  /** Ends the daemon if it was started for this. */
  readonly release: () => Promise<void>;
}

/** A daemon that has the base images, set up if this process may; or the reason why there is none. */
export async function docker(): Promise<Docker | string> {
  if (findCommand('docker') === undefined) return 'needs docker: not on this machine';
  if (composeCommand() === undefined) return 'needs docker compose or docker-compose: not on this machine';
  const wasRunning = daemonRuns();
  const missing = async () => (daemonRuns() ? await missingImages() : await baseImages());
  if ((await missing()).length > 0) {
    const reason = await buildLab();
    if (!daemonRuns()) return `needs a Docker daemon that this user can reach; ${reason}`;
    for (const image of await missing()) {
      const pulled = spawnSync('docker', ['pull', '--quiet', image], { stdio: 'ignore' });
      if (pulled.status !== 0) return `needs the image ${image}, which cannot be pulled; ${reason}`;
    }
  }
  const release = async () => {
    if (!wasRunning) await run('bash', [join(containerLab, 'build.sh'), '--stop']);
  };
  return { release };
}

/** Why the container lab did not help; for the sentence of a skipped test. */
async function buildLab(): Promise<string> {
  const script = join(containerLab, 'build.sh');
  if (!existsSync(script)) return `no container lab in ${containerLab} (CONTAINER_LAB)`;
  if (process.getuid?.() !== 0 || findCommand('apt-get') === undefined) {
    return 'the container lab needs root and apt';
  }
  try {
    await run('bash', [script]);
    return 'the container lab has been built';
  } catch (error) {
    const words = error instanceof Error && 'stderr' in error ? String(error.stderr) : String(error);
    return `the container lab failed: ${words.trim().split('\n').at(-1)}`;
  }
}

function daemonRuns(): boolean {
  return spawnSync('docker', ['info'], { stdio: 'ignore' }).status === 0;
}

/** The images that the project's Dockerfiles start from, but for Grafana's, which nothing else needs. */
async function baseImages(): Promise<string[]> {
  return await imagesOf('Dockerfile', 'nginx/Dockerfile', 'monitoring/Dockerfile');
}

async function imagesOf(...files: readonly string[]): Promise<string[]> {
  const texts = files.map(async (file) => await readFile(join(repository, file), 'utf8'));
  return (await Promise.all(texts)).flatMap((text) => /^ARG \w+_IMAGE=(\S+)$/m.exec(text)?.[1] ?? []);
}

async function missingImages(): Promise<string[]> {
  return (await baseImages()).filter((image) => !hasImage(image));
}

function hasImage(image: string): boolean {
  return spawnSync('docker', ['image', 'inspect', image], { stdio: 'ignore' }).status === 0;
}

/** Why Grafana cannot be run here; undefined where it can. Asked when the daemon runs. */
export async function withoutGrafana(): Promise<string | undefined> {
  const [image = ''] = await imagesOf('monitoring/grafana/Dockerfile');
  if (hasImage(image)) return undefined;
  const pulled = spawnSync('docker', ['pull', '--quiet', image], { stdio: 'ignore', timeout: 180_000 });
  return pulled.status === 0 ? undefined : `needs the image ${image}, which cannot be pulled`;
}

/** The command that Compose is here: the plugin, or the older program; undefined where there is neither. */
export function composeCommand(): readonly string[] | undefined {
  const plugin = spawnSync('docker', ['compose', 'version'], { stdio: 'ignore' });
  if (plugin.status === 0) return ['docker', 'compose'];
  return findCommand('docker-compose') === undefined ? undefined : ['docker-compose'];
}

/** What would be committed of this checkout, in a new folder, with files that only their owner can read. */
export async function copyOfRepository(folder: string): Promise<void> {
  const listed = ['ls-files', '-z', '--cached', '--others', '--exclude-standard'];
  const { stdout } = await run('git', listed, { cwd: repository, maxBuffer: 64 * 1024 * 1024 });
  for (const file of stdout.split('\0').filter((name) => name !== '' && existsSync(join(repository, name)))) {
    await mkdir(dirname(join(folder, file)), { recursive: true, mode: 0o700 });
    await copyFile(join(repository, file), join(folder, file));
    const { mode } = await stat(join(repository, file));
    await chmod(join(folder, file), mode & 0o700);
  }
}

/** What Docker says of the container of a Compose service, by its template. 'missing' where there is none. */
export async function containerOf(project: string, service: string, format: string): Promise<string> {
  const labels = { project, service };
  const filters = Object.entries(labels).map(([name, value]) => `label=com.docker.compose.${name}=${value}`);
  const list = ['ps', '--quiet', ...filters.flatMap((filter) => ['--filter', filter])];
  const [id = ''] = (await run('docker', list)).stdout.split('\n');
  if (id === '') return 'missing';
  return (await run('docker', ['inspect', '--format', format, id])).stdout.trim();
}

/** Removes images by name. One that is not there is none of our business. */
export function removeImages(names: readonly string[]): void {
  spawnSync('docker', ['image', 'rm', ...names], { stdio: 'ignore' });
}
