import type { Connection } from '../http2/connection.ts';

/** How long connections live that carry no calls, or whose other side is gone. */
export interface ConnectionLife {
  /** Without calls. Milliseconds. */
  readonly idleMs: number;
  /** Whether the other side is asked now and then if it is still there. */
  readonly pings: boolean;
}

const pingEveryMs = 120_000;
/** A peer that does not answer a ping for so long is dead. */
const pingPatienceMs = 20_000;
/** For the other side to close a connection that was closed in order here, when its calls have ended. */
const closingMs = 10_000;

/**
 * Ends a connection in order when it has had no calls for long, and at once when its other side does not answer, or does not close
 * what was closed here. The function is to be told when a call has ended.
 */
export function limitLife(connection: Connection, { idleMs, pings }: ConnectionLife): () => void {
  const idle = setTimeout(() => {
    if (connection.streams === 0) connection.close();
  }, idleMs).unref();
  const stopClosing = closeInTime(connection);
  const stopPings = pings ? pingNowAndThen(connection) : () => {};
  connection.socket.once('close', () => {
    clearTimeout(idle);
    stopClosing();
    stopPings();
  });
  return () => {
    if (connection.streams === 0 && !connection.socket.destroyed) idle.refresh();
  };
}

function closeInTime(connection: Connection): () => void {
  let closedForMs = 0;
  const everyMs = closingMs / 2;
  const timer = setInterval(() => {
    closedForMs = connection.isClosing && connection.streams === 0 ? closedForMs + everyMs : 0;
    if (closedForMs > closingMs) connection.destroy();
  }, everyMs).unref();
  return () => clearInterval(timer);
}

function pingNowAndThen(connection: Connection): () => void {
  let patience: NodeJS.Timeout | undefined;
  const timer = setInterval(() => {
    if (connection.isClosing) return;
    patience = setTimeout(() => connection.destroy(), pingPatienceMs).unref();
    connection.ping(() => clearTimeout(patience));
  }, pingEveryMs).unref();
  return () => {
    clearInterval(timer);
    clearTimeout(patience);
  };
}
