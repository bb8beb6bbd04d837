import { constants, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';

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

/** Ends a connection in order when it has had no calls for long, and at once when its other side does not answer. */
export function limitLife(session: ServerHttp2Session, { idleMs, pings }: ConnectionLife): void {
  let streams = 0;
  const idle = setTimeout(() => {
    if (streams === 0) session.close();
  }, idleMs).unref();
  session.on('stream', (stream: ServerHttp2Stream) => {
    streams++;
    stream.once('close', () => {
      if (--streams === 0) idle.refresh();
    });
  });
  const stopPings = pings ? pingNowAndThen(session) : () => {};
  session.once('close', () => {
    clearTimeout(idle);
    stopPings();
  });
}

function pingNowAndThen(session: ServerHttp2Session): () => void {
  let patience: NodeJS.Timeout | undefined;
  const timer = setInterval(() => {
    if (session.closed || session.destroyed) return;
    patience = setTimeout(
      () => session.destroy(undefined, constants.NGHTTP2_NO_ERROR),
      pingPatienceMs,
    ).unref();
    // An answer of any kind shows that somebody is there.
    session.ping(() => clearTimeout(patience));
  }, pingEveryMs).unref();
  return () => {
    clearInterval(timer);
    clearTimeout(patience);
  };
}
