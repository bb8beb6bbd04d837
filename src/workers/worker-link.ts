import cluster from 'node:cluster';
import type { BlobName } from '../core/digest.ts';
import { type Channel, channel, type Letter } from './channel.ts';
import type {
  FirstQuestions,
  FirstTelling,
  Measured,
  OpenPorts,
  WorkerQuestions,
  WorkerTelling,
} from './messages.ts';

/** Whether this process is a worker: the first one of its server has started it. */
export const isWorker = cluster.isWorker;

/** The number of this worker; no other one of its server has or had it. */
export const workerId = cluster.worker?.id;

/** What a worker does when the first process wants it. */
export interface WorkerDuties<Report> {
  count(): Promise<Report>;
  /** Notes where it stands; `done` is told what was measured since. */
  beginMeasuring(): Promise<{ done(measured: Measured): void }>;
  distrust(): void;
  /** Another worker has verified this. */
  learnVerified(blob: BlobName, file: readonly number[]): void;
  /** Lets calls end; the process ends when it resolves. */
  stop(): Promise<void>;
}

/** A worker's connection to the first process of its server. The worker ends with it. */
export interface WorkerLink<Report> extends Pick<Channel<WorkerQuestions, WorkerTelling<Report>>, 'ask'> {
  serving(ports: OpenPorts): void;
  /** The end of a worker that cannot be one. Resolves when the reason was sent. */
  cannotServe(reason: string): Promise<void>;
  doubted(blob: BlobName): void;
  verified(blob: BlobName, file: readonly number[]): void;
  /** Says what was counted, if that goes quickly, and ends the process with 1. */
  endAfterLastWord(): void;
  /** Says now and again what was counted, when `isNews` says that there is something, and that it is alive. */
  keepTelling(isNews: () => boolean): void;
}

const tellEveryMs = 1000;
const lastWordMs = 500;

/** `duties` come later than questions may: until there are some, this worker has nothing to say. */
export function workerLink<Report>(duties: () => WorkerDuties<Report> | undefined): WorkerLink<Report> {
  let measuring: { done(measured: Measured): void } | undefined;
  let stopping = false;

  async function send(letter: Letter): Promise<void> {
    if (!process.connected) return;
    await new Promise<void>((resolve) => void process.send?.(letter, undefined, {}, () => resolve()));
  }

  async function stop(): Promise<void> {
    if (stopping) return;
    stopping = true;
    const worker = duties();
    await worker?.stop();
    await tellCounted();
    process.exit(0);
  }

  async function tellCounted(): Promise<void> {
    const worker = duties();
    if (worker !== undefined) await tell({ kind: 'counted', report: await worker.count() });
  }

  const tell = async (content: WorkerTelling<Report>) => await send({ type: 'tell', content });
  const link = channel<WorkerQuestions, WorkerTelling<Report>, FirstQuestions<Report>, FirstTelling>({
    send: (letter) => void send(letter),
    answers: {
      count: async () => await working().count(),
      async beginMeasuring() {
        measuring = await working().beginMeasuring();
        return {};
      },
    },
    hear(told) {
      switch (told.kind) {
        case 'stop':
          // What fails now is nobody's concern but the log's.
          return void stop();
        case 'quarantined':
          return duties()?.distrust();
        case 'verified':
          return duties()?.learnVerified(told.blob, told.file);
        case 'measured':
          measuring?.done(told.measured);
          measuring = undefined;
      }
    },
  });

  function working(): WorkerDuties<Report> {
    const worker = duties();
    if (worker === undefined) throw new Error('the worker does not work yet');
    return worker;
  }

  // The first process hears of them too, and says what is to be done: not every signal to it is one to all of us.
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => {});
  process.on('message', (letter: Letter) => link.take(letter));
  return {
    ask: (name, content, patienceMs) => link.ask(name, content, patienceMs),
    serving: (ports) => void tell({ kind: 'serving', ports }),
    cannotServe: (reason) => tell({ kind: 'cannot-serve', reason }),
    doubted: (blob) => void tell({ kind: 'doubted', blob }),
    verified: (blob, file) => void tell({ kind: 'verified', blob, file }),
    endAfterLastWord() {
      setTimeout(() => process.exit(1), lastWordMs);
      void tellCounted().finally(() => process.exit(1));
    },
    keepTelling(isNews) {
      const timer = setInterval(() => {
        if (isNews()) void tellCounted();
        else void tell({ kind: 'alive' });
      }, tellEveryMs);
      timer.unref();
    },
  };
}
