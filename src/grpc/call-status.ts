import { Status } from './status.ts';
import { headerBlock, type OutgoingHeaders } from '../http2/header-encoder.ts';
import type { ServerStream } from '../http2/server-stream.ts';

/** How a call ended, and what goes with it. */
export interface CallStatus {
  readonly code: Status;
  /** A sentence for the client; '' where the code says all. */
  readonly message: string;
  /** Sent beside the status. */
  readonly trailers?: OutgoingHeaders;
}

const responseHeaders: OutgoingHeaders = { ':status': 200, 'content-type': 'application/grpc+proto' };
const okBlock = headerBlock({ 'grpc-status': Status.OK });

/** Before the messages of an answer. */
export const responseBlock = headerBlock(responseHeaders);

/** After them. */
export function trailersBlock(status: CallStatus): Uint8Array {
  return status.code === Status.OK ? okBlock : headerBlock(trailersOf(status));
}

/** Answers with a status and nothing else. */
export function sendOnlyStatus(stream: ServerStream, status: CallStatus): void {
  stream.respond(headerBlock({ ...responseHeaders, ...trailersOf(status) }), true);
}

function trailersOf({ code, message, trailers }: CallStatus): OutgoingHeaders {
  if (message === '') return { ...trailers, 'grpc-status': code };
  return { ...trailers, 'grpc-status': code, 'grpc-message': encodeURI(message.toWellFormed()) };
}
