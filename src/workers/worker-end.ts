import cluster, { type Worker } from 'node:cluster';

/** A connection as node:cluster hands it over: not a socket yet. */
interface Handle {
  close(): void;
}

/** What node:cluster sends with a connection, and gets back when the worker has it. */
interface HandOver {
  readonly act?: string;
  readonly seq?: number;
  readonly ack?: number;
}

/** What a worker said last is read after its end was noticed. Milliseconds. */
const lastWordsMs = 100;

/**
 * Tells once nothing comes from a worker any more, and tidies up behind one that was killed in the middle of something.
 *
 * node:cluster keeps its own end of a connection open until the worker says that it has it, and so for ever when it does
 * not come to that: the client would wait for an answer that nobody gives, where otherwise it tries again. And where a
 * connection was on its way, Node never says that the worker is disconnected (`_handleQueue` in its child_process.js);
 * node:cluster waits for that word before it stops handing connections over to it.
 */
export function whenEnded(
  worker: Worker,
  onEnded: (code: number | null, signal: string | null) => void,
): void {
  const child = worker.process;
  const underWay = new Map<number, Handle>();
  const send = child.send.bind(child) as (...args: unknown[]) => boolean;
  child.send = (...args: unknown[]): boolean => {
    const [message, handle] = args as [HandOver, Handle | undefined];
    if (message.act === 'newconn' && message.seq !== undefined && handle !== undefined)
      underWay.set(message.seq, handle);
    return send(...args);
  };
  child.on('internalMessage', ({ ack }: HandOver) => {
    if (ack !== undefined) underWay.delete(ack);
  });

  function tidy(): void {
    for (const handle of underWay.values()) handle.close();
    underWay.clear();
    if (cluster.workers?.[worker.id] === worker) child.emit('disconnect');
  }

  child.once('exit', (code, signal) =>
    setTimeout(() => {
      tidy();
      onEnded(code, signal);
    }, lastWordsMs),
  );
}
