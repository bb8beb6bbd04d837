import type { ChildProcess } from 'node:child_process';

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

/**
 * Closes the connections that were on their way to a worker when it ended. node:cluster keeps its own end of them open
 * until the worker says that it has them, and so for ever when it does not come to that: their clients would wait for
 * an answer that nobody gives, where otherwise they try again. Each worker has one on its way at most, for each listener.
 */
export function closeUnreceived(child: ChildProcess): void {
  const underWay = new Map<number, Handle>();
  const send = child.send.bind(child) as (...args: unknown[]) => boolean;
  const sendNoting = (...args: unknown[]): boolean => {
    const [message, handle] = args as [HandOver, Handle | undefined];
    if (message.act === 'newconn' && message.seq !== undefined && handle !== undefined)
      underWay.set(message.seq, handle);
    return send(...args);
  };
  child.send = sendNoting as ChildProcess['send'];
  child.on('internalMessage', ({ ack }: HandOver) => {
    if (ack !== undefined) underWay.delete(ack);
  });
  // Only now no word of it comes any more.
  child.once('disconnect', () => {
    for (const handle of underWay.values()) handle.close();
    underWay.clear();
  });
}
