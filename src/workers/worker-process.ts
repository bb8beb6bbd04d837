import cluster from 'node:cluster';
import type { BlobName } from '../core/digest.ts';
import { type Channel, channel, type ChannelEnd, type Letter } from './channel.ts';
import type {
  FirstQuestions,
  FirstTelling,
  OpenPorts,
  VerifiedTelling,
  WorkerQuestions,
  WorkerTelling,
} from './messages.ts';
import { whenEnded } from './worker-end.ts';

/** What becomes of a worker. */
export interface WorkerEvents<Report> {
  readonly answers: ChannelEnd<WorkerQuestions, WorkerTelling<Report>>['answers'];
  onServing(): void;
  onCannotServe(reason: string): void;
  onCounted(report: Report): void;
  onDoubted(blob: BlobName): void;
  onVerified(telling: VerifiedTelling): void;
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
  // Before setupPrimary(), which takes it as it is then: the environment may say something else.
  cluster.schedulingPolicy = cluster.SCHED_RR;
  // Buffers and what is no number have no word in JSON.
  cluster.setupPrimary({ serialization: 'advanced' });
  const worker = cluster.fork();
  let servedFrom: number | undefined;
  let ports: OpenPorts | undefined;
  let lastReport: Report | undefined;
  let silent = 0;

  function counted(report: Report): void {
    lastReport = report;
    events.onCounted(report);
  }

  const ends = channel<FirstQuestions<Report>, FirstTelling, WorkerQuestions, WorkerTelling<Report>>({
    send(letter) {
      // One that is ending does not hear it, and says so by its end.
      if (worker.isConnected()) worker.send(letter, () => {});
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
        case 'verified':
          return events.onVerified(told);
        case 'alive':
      }
    },
  });

  function end(code: number | null, signal: string | null): void {
    ends.close();
    events.onEnded({ code, signal });
  }

  worker.on('message', (letter: Letter) => {
    silent = 0;
    ends.take(letter);
  });
  whenEnded(worker, end);
  worker.on('error', (error) => {
    // One that could not even be started has no end.
    if (worker.process.pid === undefined) setImmediate(() => end(null, String(error)));
  });
  worker.on('exit', () => (ports = undefined));
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
