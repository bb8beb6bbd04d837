import cluster from 'node:cluster';
import type { BlobName } from '../core/digest.ts';
import { type Channel, channel, type ChannelEnd, type Letter } from './channel.ts';
import { closeUnreceived } from './handed-over.ts';
import type { FirstQuestions, FirstTelling, OpenPorts, WorkerQuestions, WorkerTelling } from './messages.ts';

/** What becomes of a worker. */
export interface WorkerEvents<Report> {
  readonly answers: ChannelEnd<WorkerQuestions, WorkerTelling<Report>>['answers'];
  onServing(): void;
  onCannotServe(reason: string): void;
  onCounted(report: Report): void;
  onDoubted(blob: BlobName): void;
  /** Nothing comes from it any more. */
  onEnded(end: { code: number | null; signal: string | null }): void;
}

/** A process that answers calls, as the first process of the server sees it. */
export interface WorkerProcess<Report> {
  readonly id: number;
  readonly pid: number | undefined;
  /** For how long it has served; until it ended, where it has. Milliseconds. */
  servedMs(): number;
  /** Undefined until it serves. */
  readonly ports: OpenPorts | undefined;
  readonly lastReport: Report | undefined;
  readonly channel: Channel<FirstQuestions<Report>, FirstTelling>;
  /** Has it say what it has counted; resolves when it has, or when it has ended. */
  count(): Promise<void>;
  /** How often this was asked since it said something. */
  silentFor(): number;
  /** At once. */
  kill(): void;
}

/** Starts this program once more, as a worker. */
export function startWorkerProcess<Report>(events: WorkerEvents<Report>): WorkerProcess<Report> {
  // Buffers and what is no number have no word in JSON.
  cluster.setupPrimary({ serialization: 'advanced' });
  cluster.schedulingPolicy = cluster.SCHED_RR;
  const worker = cluster.fork();
  closeUnreceived(worker.process);
  let servedFrom: number | undefined;
  let ports: OpenPorts | undefined;
  let lastReport: Report | undefined;
  let silent = 0;
  let end: { code: number | null; signal: string | null } | undefined;
  let isEnded = false;

  function counted(report: Report): void {
    lastReport = report;
    events.onCounted(report);
  }

  const ends = channel<FirstQuestions<Report>, FirstTelling, WorkerQuestions, WorkerTelling<Report>>({
    send(letter) {
      // One that is ending does not hear it, and says so by its end.
      if (worker.isConnected()) worker.send(letter as unknown as NodeJS.Dict<unknown>, () => {});
    },
    answers: events.answers,
    hear(told) {
      switch (told.kind) {
        case 'serving':
          ports = told.ports;
          servedFrom = performance.now();
          return events.onServing();
        case 'cannot-serve':
          return events.onCannotServe(told.reason);
        case 'counted':
          return counted(told.report);
        case 'doubted':
          return events.onDoubted(told.blob);
        case 'alive':
      }
    },
  });

  /** What it said last may come after its end was noticed. */
  function noteEnd(): void {
    if (isEnded || end === undefined || worker.isConnected()) return;
    isEnded = true;
    ends.close();
    events.onEnded(end);
  }

  worker.on('message', (letter: Letter) => {
    silent = 0;
    ends.take(letter);
  });
  worker.on('error', (error) => {
    // It could not be started at all.
    if (worker.process.pid !== undefined) return;
    end ??= { code: null, signal: String(error) };
    setImmediate(noteEnd);
  });
  worker.on('exit', (code: number | null, signal: string | null) => {
    end = { code, signal };
    ports = undefined;
    noteEnd();
  });
  worker.on('disconnect', noteEnd);
  return {
    id: worker.id,
    pid: worker.process.pid,
    servedMs: () => (servedFrom === undefined ? 0 : performance.now() - servedFrom),
    channel: ends,
    get ports() {
      return ports;
    },
    get lastReport() {
      return lastReport;
    },
    count: () => ends.ask('count', {}).then(counted, () => {}),
    silentFor: () => silent++,
    kill: () => void worker.process.kill('SIGKILL'),
  };
}
