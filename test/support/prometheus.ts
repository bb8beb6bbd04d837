import { type ChildProcess, spawn } from 'node:child_process';
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually } from './eventually.ts';
import { freePorts } from './free-ports.ts';

const rules = join(import.meta.dirname, '..', '..', 'monitoring', 'rules');
const startTries = 5;

/** One series of an answer. */
export interface Sample {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: number;
}

/** An alert as Prometheus shows it. */
export interface Alert {
  readonly state: 'pending' | 'firing';
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

interface Rule {
  readonly name: string;
  readonly type: 'alerting' | 'recording';
  readonly health: 'ok' | 'unknown' | 'err';
  readonly lastError?: string;
}

/** What a Prometheus answers, wherever it runs. */
export class PrometheusAnswers {
  readonly #url: string;

  /** `url` without a path. */
  constructor(url: string) {
    this.#url = url;
  }

  /** What an expression gives now. Rejects where Prometheus cannot make sense of it. */
  async query(expression: string): Promise<Sample[]> {
    const { result } = await this.#get<{ result: { metric: Sample['metric']; value: [number, string] }[] }>(
      `query?query=${encodeURIComponent(expression)}`,
    );
    return result.map(({ metric, value: [, value] }) => ({ metric, value: Number(value) }));
  }

  async alerts(): Promise<Alert[]> {
    return (await this.#get<{ alerts: Alert[] }>('alerts')).alerts;
  }

  async rules(): Promise<Rule[]> {
    const { groups } = await this.#get<{ groups: { rules: Rule[] }[] }>('rules');
    return groups.flatMap((group) => group.rules);
  }

  async #get<T>(path: string): Promise<T> {
    const response = await fetch(`${this.#url}/api/v1/${path}`);
    const answer = (await response.json()) as { status: string; error?: string; data: T };
    if (answer.status !== 'success') throw new Error(`${path}: ${answer.error}`);
    return answer.data;
  }
}

/** A running Prometheus with the project's rules, which scrapes every five seconds and evaluates every two. */
export class Prometheus extends PrometheusAnswers {
  readonly #child: ChildProcess;
  readonly #folder: string;

  private constructor(url: string, child: ChildProcess, folder: string) {
    super(url);
    this.#child = child;
    this.#folder = folder;
  }

  /** Scrapes these servers, each `host:port`, as the job `weir`. Resolves when it answers. */
  static async start(targets: readonly string[]): Promise<Prometheus> {
    for (let tries = 1; ; tries++) {
      const folder = await mkdtemp(join(tmpdir(), 'weir-prometheus-'));
      const prometheus = await Prometheus.#tryStart(folder, targets);
      if (prometheus !== undefined) return prometheus;
      await rm(folder, { recursive: true, force: true });
      if (tries === startTries) throw new Error('Prometheus does not start');
    }
  }

  /** Undefined when it has ended: somebody else was faster to take the port. */
  static async #tryStart(folder: string, targets: readonly string[]): Promise<Prometheus | undefined> {
    await cp(rules, join(folder, 'rules'), { recursive: true });
    const configuration = {
      global: { scrape_interval: '5s', scrape_timeout: '5s', evaluation_interval: '2s' },
      rule_files: ['rules/*.yml'],
      scrape_configs: [{ job_name: 'weir', static_configs: [{ targets }] }],
    };
    // JSON is YAML too.
    await writeFile(join(folder, 'prometheus.yml'), JSON.stringify(configuration));
    const [port = 0] = await freePorts(1);
    const child = spawn(
      'prometheus',
      [
        `--config.file=${join(folder, 'prometheus.yml')}`,
        `--storage.tsdb.path=${join(folder, 'data')}`,
        `--web.listen-address=127.0.0.1:${port}`,
      ],
      { stdio: 'ignore', cwd: folder },
    );
    const endWithUs = () => child.kill('SIGKILL');
    process.once('exit', endWithUs);
    child.once('exit', () => process.off('exit', endWithUs));
    const url = `http://127.0.0.1:${port}`;
    const hasEnded = () => child.exitCode !== null || child.signalCode !== null;
    await eventually(async () => {
      if (hasEnded()) return true;
      const ready = await fetch(`${url}/-/ready`).catch(() => undefined);
      return ready?.status === 200;
    });
    return hasEnded() ? undefined : new Prometheus(url, child, folder);
  }

  async stop(): Promise<void> {
    const child = this.#child;
    if (child.exitCode === null && child.signalCode === null) {
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGKILL');
      await ended;
    }
    await rm(this.#folder, { recursive: true, force: true });
  }
}
