import type { CleanedEnv } from 'envalid';
import { seconds } from './setting-kinds.ts';

/** How long clients are waited for. */
export const patienceSettings = {
  HANDSHAKE_SECONDS: seconds({
    default: 30,
    desc: 'How long a connection may take to begin with gRPC, TLS included, or to send the headers of an HTTP request.',
  }),
  STREAM_IDLE_SECONDS: seconds({
    default: 300,
    desc: 'A gRPC call is ended whose client neither sends nor reads for so long, though it is its turn.',
  }),
  CONNECTION_IDLE_SECONDS: seconds({
    default: 900,
    desc: 'A gRPC connection without calls is closed after so long; on a socket file after 660 at least, for nginx.',
  }),
  HTTP_IDLE_SECONDS: seconds({
    default: 300,
    desc: 'An HTTP connection on which nothing moves for so long is ended.',
  }),
  UPLOAD_RESUME_SECONDS: seconds({
    default: 600,
    desc: 'How long the beginning of a broken upload is kept; `0` keeps none.',
  }),
  DRAIN_SECONDS: seconds({
    default: 30,
    desc: 'How long calls may take to end after SIGTERM or SIGINT; then they are cut.',
  }),
};

export function patienceConfig(checked: CleanedEnv<typeof patienceSettings>) {
  return {
    handshakeSeconds: checked.HANDSHAKE_SECONDS,
    streamIdleSeconds: checked.STREAM_IDLE_SECONDS,
    connectionIdleSeconds: checked.CONNECTION_IDLE_SECONDS,
    httpIdleSeconds: checked.HTTP_IDLE_SECONDS,
    uploadResumeSeconds: checked.UPLOAD_RESUME_SECONDS,
    drainSeconds: checked.DRAIN_SECONDS,
  };
}
