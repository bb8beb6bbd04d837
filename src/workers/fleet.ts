import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '../core/observer.ts';
import type { BlobName } from '../core/digest.ts';
import type { ChannelEnd } from './channel.ts';
import type { FirstTelling, Measured, OpenPorts, WorkerQuestions, WorkerTelling } from './messages.ts';
import { restartPace } from './restart-pace.ts';
import { startWorkerProcess, type WorkerProcess } from './worker-process.ts';

/** What the workers of a server need of its first process. */
export interface FleetParts<Report> {
  /** How many there are to be. */
  readonly count: number;
  readonly answers: ChannelEnd<WorkerQuestions, WorkerTelling<Report>>['answers'];
  /** A worker listens, under the names that it was told. Whoever else is told so waits for the end. */
  onListening(): Promise<void>;
  onCounted(report: Report): void;
  /** A worker has ended; its last report, if there was one. `asked`: it was to. */
  onEnded(last: Report | undefined, asked: boolean): void;
  onDoubted(blob: BlobName): void;
  /** Workers end as soon as they start, and none is left. */
  onHopeless(reason: string): void;
  readonly logger: Logger;
}

/** The processes that answer calls, all on the same addresses. One that ends is replaced. */
export interface Fleet<Report> {
  /** Resolves when all serve; rejects with the reason when one cannot. */
  start(): Promise<OpenPorts>;
  /** How many serve now. */
  serving(): number;
  /** The last report of each. */
  reports(): Report[];
  /** Asks all what they have counted; those that do not answer in time stay with what they said last. */
  count(): Promise<void>;
  tell(telling: FirstTelling): void;
  /** Folders are measured from now on; to be called with what came of it. */
  beginMeasuring(): Promise<(measured: Measured) => void>;
  /** Lets their calls end, and them; those that take longer are killed. */
  stop(patienceMs: number): Promise<void>;
}

/** Of a worker that is at something else nobody waits for longer. Milliseconds. */
const answerPatienceMs = 1000;
const lookEveryMs = 1000;
/** Each worker says something every second. One that is silent for so many looks is held up for good. */
const mostSilentLooks = 60;

/** Nothing is started yet. */
export function fleet<Report>(parts: FleetParts<Report>): Fleet<Report> {
  const { count, logger } = parts;
  const workers = new Set<WorkerProcess<Report>>();
  const pace = restartPace();
  const replacing = new Set<NodeJS.Timeout>();
  let stopping = false;
  let allEnded: (() => void) | undefined;
  const started = Promise.withResolvers<OpenPorts>();
  /** Whether the server as a whole has started. */
  let hasStarted = false;

  const serving = () => [...workers].filter((worker) => worker.ports !== undefined);

  function add(): void {
    const worker = startWorkerProcess<Report>({
      answers: parts.answers,
      onCounted: (report) => parts.onCounted(report),
      onDoubted: (blob) => parts.onDoubted(blob),
      onVerified(telling) {
        for (const other of workers) if (other !== worker) other.channel.tell(telling);
      },
      onServing: () => void noteServing(),
      onCannotServe: (reason) => {
        if (hasStarted) logger.error(reason, { worker: worker.id });
        else started.reject(new Error(reason));
      },
      onEnded: (end) => {
        workers.delete(worker);
        noteEnd(worker, end);
      },
    });
    workers.add(worker);
  }

  async function noteServing(): Promise<void> {
    try {
      await parts.onListening();
    } catch (error) {
      return started.reject(error);
    }
    const ports = serving()[0]?.ports;
    if (hasStarted || ports === undefined || serving().length < count) return;
    hasStarted = true;
    started.resolve(ports);
  }

  function noteEnd(worker: WorkerProcess<Report>, end: { code: number | null; signal: string | null }): void {
    parts.onEnded(worker.lastReport, stopping);
    if (stopping) {
      if (workers.size === 0) allEnded?.();
      return;
    }
    const servedMs = worker.servedMs();
    const delayMs = pace.delayAfter(servedMs);
    const fields = { worker: worker.id, pid: worker.pid, ...end, served: Math.round(servedMs / 1000) };
    if (pace.isHopeless() && serving().length === 0) {
      const reason = `workers end as soon as they start (the last one by ${end.signal ?? `exit code ${end.code}`}): their log lines are above this one`;
      if (hasStarted) parts.onHopeless(reason);
      else started.reject(new Error(reason));
      return;
    }
    logger.error('a worker has ended, another one takes its place; clients of its calls try again', fields);
    const timer = setTimeout(() => {
      replacing.delete(timer);
      add();
    }, delayMs);
    replacing.add(timer);
  }

  function look(): void {
    for (const worker of workers) {
      // How long a start takes is up to the volume.
      if (worker.ports === undefined || worker.silentFor() < mostSilentLooks) continue;
      logger.error('a worker is held up, and is ended', { worker: worker.id, pid: worker.pid });
      worker.kill();
    }
  }

  const looking = setInterval(look, lookEveryMs);
  looking.unref();
  return {
    start() {
      for (let each = 0; each < count; each++) add();
      return started.promise;
    },
    serving: () => serving().length,
    reports: () => [...workers].flatMap(({ lastReport }) => (lastReport === undefined ? [] : [lastReport])),
    async count() {
      const counted = Promise.all(serving().map((worker) => worker.count()));
      await Promise.race([counted, sleep(answerPatienceMs, undefined, { ref: false })]);
    },
    tell(telling) {
      for (const worker of workers) worker.channel.tell(telling);
    },
    async beginMeasuring() {
      // Those too that do not serve yet: before they take uploads they want to know what is there.
      const asked = [...workers];
      const begun = await Promise.allSettled(
        asked.map((worker) => worker.channel.ask('beginMeasuring', {}, answerPatienceMs)),
      );
      const ready = asked.filter((_, index) => begun[index]?.status === 'fulfilled');
      return (measured) => {
        for (const worker of ready) worker.channel.tell({ kind: 'measured', measured });
      };
    },
    async stop(patienceMs) {
      stopping = true;
      clearInterval(looking);
      for (const timer of replacing) clearTimeout(timer);
      if (workers.size === 0) return;
      const ended = new Promise<void>((resolve) => (allEnded = resolve));
      for (const worker of workers) worker.channel.tell({ kind: 'stop' });
      const timer = setTimeout(() => {
        logger.error('workers have not ended in time, and are killed', { workers: workers.size });
        for (const worker of workers) worker.kill();
      }, patienceMs);
      await ended;
      clearTimeout(timer);
    },
  };
}
