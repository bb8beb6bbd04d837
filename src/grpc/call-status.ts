import { constants, type OutgoingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import type { Status } from 'nice-grpc-common';

/** How a call ended, and what goes with it. */
export interface CallStatus {
  readonly code: Status;
  /** A sentence for the client; '' where the code says all. */
  readonly message: string;
  /** Sent beside the status. */
  readonly trailers?: OutgoingHttpHeaders;
}

/** Before the messages of an answer. */
export function responseHeaders(): OutgoingHttpHeaders {
  return { ':status': 200, 'content-type': 'application/grpc+proto' };
}

/** After them. */
export function trailersOf({ code, message, trailers }: CallStatus): OutgoingHttpHeaders {
  if (message === '') return { ...trailers, 'grpc-status': code };
  return { ...trailers, 'grpc-status': code, 'grpc-message': encodeURI(message.toWellFormed()) };
}

/** Answers with a status and nothing else. */
export function sendOnlyStatus(stream: ServerHttp2Stream, status: CallStatus): void {
  stream.respond({ ...responseHeaders(), ...trailersOf(status) }, { endStream: true });
}

/** Ends a stream whose client has its answer, and may go on sending. */
export function closeAfterAnswer(stream: ServerHttp2Stream): void {
  if (stream.readableEnded) return;
  // At once it would overtake the answer.
  setImmediate(() => stream.close(constants.NGHTTP2_NO_ERROR));
}
