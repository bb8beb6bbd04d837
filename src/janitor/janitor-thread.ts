import { Worker } from 'node:worker_threads';
import type { EvictionSteps } from './eviction-steps.ts';
import type { JanitorAnswers, JanitorRequest, JanitorResponse, JanitorTask } from './janitor-worker.ts';

/** The thread that walks the volume. */
export interface JanitorThread {
  /** Rejects with the failure's words; or when the thread has ended, which a later task starts anew. */
  run<T extends JanitorTask>(task: T): Promise<JanitorAnswers[T['kind']]>;
  /** Tasks wait until then. */
  begin(): void;
  /** Ends it, in the middle of a task too: what rests in the trash is finished by a later one, here or elsewhere. */
  stop(): Promise<void>;
}

interface Waiting {
  resolve(answer: unknown): void;
  reject(error: Error): void;
}

/** What it makes is forgotten at once, and at most so much is let lie; V8 would let 48 MB. */
const maxYoungGenerationSizeMb = 3;
/** A thread that hangs in a call of a dead mount cannot be ended; the process can. Milliseconds. */
const endPatienceMs = 5000;

/** `onSteps` hears of passes of eviction while they go on. */
export function janitorThread(root: string, onSteps: (steps: EvictionSteps) => void): JanitorThread {
  const waiting = new Map<number, Waiting>();
  let worker: Worker | undefined;
  let lastId = 0;
  let stopped = false;
  const begun = Promise.withResolvers<void>();

  function started(): Worker {
    const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
    const thread = new Worker(new URL(`./janitor-worker.${extension}`, import.meta.url), {
      workerData: root,
      resourceLimits: { maxYoungGenerationSizeMb },
    });
    thread.unref();
    thread.on('message', (response: JanitorResponse) => {
      if ('steps' in response) return onSteps(response.steps);
      const asked = waiting.get(response.id);
      waiting.delete(response.id);
      if ('failure' in response) asked?.reject(new Error(response.failure));
      else asked?.resolve(response.answer);
    });
    const ended = (error: Error) => {
      if (worker === thread) worker = undefined;
      for (const asked of waiting.values()) asked.reject(error);
      waiting.clear();
    };
    thread.on('error', ended);
    thread.on('exit', () => ended(new Error('the thread has ended')));
    return thread;
  }

  return {
    async run(task) {
      await begun.promise;
      if (stopped) throw new Error('the thread was stopped');
      worker ??= started();
      const id = ++lastId;
      const thread = worker;
      return await new Promise((resolve, reject) => {
        waiting.set(id, { resolve, reject });
        thread.postMessage({ id, task } satisfies JanitorRequest);
      });
    },
    begin: () => begun.resolve(),
    async stop() {
      stopped = true;
      begun.resolve();
      const patience = new Promise((resolve) => setTimeout(resolve, endPatienceMs).unref());
      await Promise.race([worker?.terminate(), patience]);
    },
  };
}
