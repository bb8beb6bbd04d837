// What an operator has: a clone of the repository, the containers that `docker compose up` starts from it, and the pages
// of the documentation to go by.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chown, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ChannelCredentials } from '@grpc/grpc-js';
import { CacheClient } from './cache-client.ts';
import { composeCommand, containerOf, copyOfRepository, removeImages, withoutGrafana } from './docker.ts';
import { eventually } from './eventually.ts';
import { freePorts } from './free-ports.ts';
import { PrometheusAnswers } from './prometheus.ts';
import { type Clients, clientsAt } from './wire.ts';

const run = promisify(execFile);
const commandTimeoutMs = 480_000;
const startTries = 3;

/** The owner of certs/: not root, so that root's own work shows when it is left with root. */
export const certsOwner =
  process.getuid?.() === 0 ? { uid: 4321, gid: 4321 } : { uid: process.getuid?.(), gid: process.getgid?.() };

/** A client's certificate and key, as text. */
export interface ClientPair {
  readonly certificate: string;
  readonly key: string;
}

/** Of all ports, and the names that the images get: what stands in `.env`. */
interface Variables {
  readonly ports: Record<'pull' | 'push' | 'ops' | 'prometheus' | 'grafana', number>;
  readonly images: Record<string, string>;
}

export class ComposeSite {
  /** Where nobody has to be careful: users have their folders here, too. */
  readonly folder: string;
  /** The operator's clone, in which all commands run. */
  readonly checkout: string;
  readonly certs: string;
  /** Why Grafana is not a part of it, if it is not. */
  readonly withoutGrafana: string | undefined;
  readonly #project = `weir-test-${process.pid}-${randomBytes(3).toString('hex')}`;
  readonly #compose: string;
  #variables: Variables | undefined;
  /** What clients trust; several certificates, one after the other, while they are changed. */
  #serverCertificate = '';

  private constructor(folder: string, withoutGrafana: string | undefined) {
    this.folder = folder;
    this.checkout = join(folder, 'weir');
    this.certs = join(this.checkout, 'certs');
    this.withoutGrafana = withoutGrafana;
    this.#compose = (composeCommand() ?? []).join(' ');
  }

  /** A fresh clone in which nothing has been done yet. The daemon runs. */
  static async clone(): Promise<ComposeSite> {
    const site = new ComposeSite(await mkdtemp(join(tmpdir(), 'weir-compose-')), await withoutGrafana());
    const upstream = join(site.folder, 'upstream');
    await copyOfRepository(upstream);
    await site.git(upstream, 'init', '--quiet', '--initial-branch=main');
    await site.commit('begin');
    // A strict umask must do no harm.
    await run('sh', ['-c', 'umask 077 && git clone --quiet upstream weir'], { cwd: site.folder });
    if (process.getuid?.() === 0) await chown(site.certs, 4321, 4321);
    return site;
  }

  async git(folder: string, ...args: string[]): Promise<string> {
    const identity = ['-c', 'user.name=weir', '-c', 'user.email=weir@localhost'];
    const env = { ...process.env, GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_SYSTEM: '/dev/null' };
    return (await run('git', [...identity, ...args], { cwd: folder, env })).stdout;
  }

  /** A new state of what `git pull` gets: all that was changed in upstream/. */
  async commit(message: string): Promise<void> {
    const upstream = join(this.folder, 'upstream');
    await this.git(upstream, 'add', '--all');
    await this.git(upstream, 'commit', '--quiet', '--message', message);
  }

  /** The first start. Ports that somebody else was faster to take are chosen anew. */
  async start(): Promise<void> {
    for (let tries = 1; ; tries++) {
      await this.#chooseVariables();
      try {
        await this.documented('README.md', 'docker compose up');
        break;
      } catch (error) {
        if (tries < startTries && String(error).includes('already')) {
          await this.sh('docker compose --profile monitoring down');
          continue;
        }
        throw error;
      }
    }
    await this.healthy();
    this.trustServer(await readFile(join(this.certs, 'server.crt'), 'utf8'));
  }

  async #chooseVariables(): Promise<void> {
    const [pull = 0, push = 0, ops = 0, prometheus = 0, grafana = 0] = await freePorts(5);
    const images = {
      WEIR_IMAGE: `${this.#project}:weir`,
      WEIR_NGINX_IMAGE: `${this.#project}:nginx`,
      WEIR_PROMETHEUS_IMAGE: `${this.#project}:prometheus`,
      WEIR_GRAFANA_IMAGE: `${this.#project}:grafana`,
    };
    this.#variables = { ports: { pull, push, ops, prometheus, grafana }, images };
    await this.settings({});
  }

  /** Writes `.env`, with these beside what a test has to set. */
  async settings(more: Record<string, string>): Promise<void> {
    const { ports, images } = this.#known();
    const variables = {
      WEIR_PULL_PORT: `127.0.0.1:${ports.pull}`,
      WEIR_PUSH_PORT: ports.push,
      WEIR_OPS_PORT: ports.ops,
      WEIR_PROMETHEUS_PORT: ports.prometheus,
      WEIR_GRAFANA_PORT: ports.grafana,
      ...images,
      ...more,
    };
    const lines = Object.entries(variables).map(([name, value]) => `${name}=${value}\n`);
    await writeFile(join(this.checkout, '.env'), lines.join(''));
  }

  #known(): Variables {
    assert.ok(this.#variables, 'it has been started');
    return this.#variables;
  }

  /** A line as a page has it: throws where the page does not. Each `from` in it is replaced by its `to` then. */
  async documented(page: string, line: string, replaced: Record<string, string> = {}): Promise<string> {
    const text = await readFile(join(this.checkout, page), 'utf8');
    const has = text.includes(`\`${line}\``) || text.split('\n').some((each) => each.trim() === line);
    assert.ok(has, `${page} has no line ${JSON.stringify(line)}`);
    const command = Object.entries(replaced).reduce((words, [from, to]) => words.replaceAll(from, to), line);
    return await this.sh(command);
  }

  /** Runs a command in the clone. What Compose does in the foreground is done in the background, and without a terminal. */
  async sh(command: string, cwd = this.checkout): Promise<string> {
    const words = command
      .replace(/ up$/, ' up --detach')
      .replaceAll(/\bdocker compose exec (?!-T)/g, 'docker compose exec -T ')
      .replaceAll('docker compose', this.#compose);
    const env = {
      ...process.env,
      COMPOSE_PROJECT_NAME: this.#project,
      // The classic builder uses base images as they are here; BuildKit may ask a registry first.
      DOCKER_BUILDKIT: '0',
      COMPOSE_DOCKER_CLI_BUILD: '0',
    };
    const settings = { cwd, env, maxBuffer: 64 * 1024 * 1024, timeout: commandTimeoutMs };
    const { stdout } = await run('sh', ['-ec', words], settings).catch((error: unknown) => {
      const said = error instanceof Error && 'stderr' in error ? String(error.stderr) : '';
      throw new Error(`${command}: ${said.slice(-4000)}`, { cause: error });
    });
    return stdout;
  }

  /** Of a service's container, by Docker's own template. */
  async inspect(service: string, format: string): Promise<string> {
    return await containerOf(this.#project, service, format);
  }

  /** Resolves when every health check succeeds. */
  async healthy(): Promise<void> {
    for (const service of ['certs', 'weir', 'nginx'])
      await eventually(async () => (await this.inspect(service, '{{.State.Health.Status}}')) === 'healthy');
  }

  /** From now on clients that are made trust these certificates, which are PEM. */
  trustServer(pem: string): void {
    this.#serverCertificate = pem;
  }

  port(listener: keyof Variables['ports']): number {
    return this.#known().ports[listener];
  }

  get opsUrl(): string {
    return `http://127.0.0.1:${this.port('ops')}`;
  }

  get prometheus(): PrometheusAnswers {
    return new PrometheusAnswers(`http://127.0.0.1:${this.port('prometheus')}`);
  }

  /** A client on a listener, by a certificate or without one. */
  clients(listener: 'pull' | 'push', pair?: ClientPair): Clients {
    return clientsAt(`localhost:${this.port(listener)}`, this.#credentials(pair));
  }

  /** One that tries again, as builds do. */
  patientClient(listener: 'pull' | 'push', pair?: ClientPair): CacheClient {
    return new CacheClient(`localhost:${this.port(listener)}`, this.#credentials(pair));
  }

  #credentials(pair?: ClientPair): ChannelCredentials {
    const own = pair === undefined ? [] : [Buffer.from(pair.key), Buffer.from(pair.certificate)];
    return ChannelCredentials.createSsl(Buffer.from(this.#serverCertificate), ...own);
  }

  /** What containers have said last, for a failure that nobody understands. */
  async logs(): Promise<string> {
    return await this.sh('docker compose --profile monitoring logs --tail=50').catch(String);
  }

  /** Removes containers, networks and volumes, the images, and the folder. */
  async remove(): Promise<void> {
    if (this.#variables !== undefined) {
      await this.sh('docker compose --profile monitoring down --volumes --timeout 20');
      removeImages(Object.values(this.#variables.images));
    }
    await rm(this.folder, { recursive: true });
  }
}
