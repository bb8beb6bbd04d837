import { once } from 'node:events';
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect as connectHttp2,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
} from 'node:http2';
import { connect, type Socket } from 'node:net';

/** What came back on one HTTP/2 stream. */
export interface StreamEnd {
  readonly http: number;
  /** The gRPC status as a number, from the headers or the trailers; undefined when there was none. */
  readonly status: number | undefined;
  readonly message: string;
}

/** A message with its five bytes in front, which may lie. */
export function framed(message: Uint8Array, length = message.length, flags = 0): Buffer {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt8(flags, 0);
  prefix.writeUInt32BE(length, 1);
  return Buffer.concat([prefix, message]);
}

/** Where a listener of ours is, for sockets: `unix:/path` or `host:port`. */
export function socketTo(address: string): Socket {
  if (address.startsWith('unix:')) return connect(address.slice('unix:'.length));
  const [host = '', port] = address.split(':');
  return connect(Number(port), host);
}

/** Resolves when the other side has closed, or when that is not to be waited for any longer. */
export async function closeOf(socket: Socket, patienceMs: number): Promise<void> {
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, patienceMs);
    socket.on('error', () => {});
    socket.on('close', () => {
      clearTimeout(timer);
      resolve();
    });
  });
  socket.destroy();
}

export async function sessionTo(address: string): Promise<ClientHttp2Session> {
  const session = connectHttp2('http://weir.test', { createConnection: () => socketTo(address) });
  session.on('error', () => {});
  await once(session, 'connect');
  return session;
}

/** A stream as gRPC begins it; headers that are undefined are left away. */
export function openStream(
  session: ClientHttp2Session,
  path: string,
  headers: OutgoingHttpHeaders = {},
): ClientHttp2Stream {
  const usual = { ':method': 'POST', ':path': path, 'content-type': 'application/grpc', te: 'trailers' };
  const all = Object.entries({ ...usual, ...headers }).filter(([, value]) => value !== undefined);
  const stream = session.request(Object.fromEntries(all));
  stream.on('error', () => {});
  return stream;
}

const patienceMs = 120_000;

/** One request as nobody's library would make it. */
export async function request(
  session: ClientHttp2Session,
  path: string,
  body: Uint8Array,
  headers: OutgoingHttpHeaders = {},
): Promise<StreamEnd> {
  const stream = openStream(session, path, headers);
  const end = { http: 0, status: undefined as number | undefined, message: '' };
  const note = (received: IncomingHttpHeaders) => {
    if (received[':status'] !== undefined) end.http = Number(received[':status']);
    const { 'grpc-status': status, 'grpc-message': message } = received;
    if (typeof status !== 'string') return;
    end.status = Number(status);
    if (typeof message === 'string') end.message = decodeURIComponent(message);
  };
  stream
    .on('response', note)
    .on('trailers', note)
    .on('data', () => {});
  // A GET has no body.
  if (!stream.writableEnded) stream.end(body);
  await new Promise<void>((resolve, reject) => {
    const hung = setTimeout(() => reject(new Error(`the request for ${path} has no end`)), patienceMs);
    stream.on('close', () => {
      clearTimeout(hung);
      resolve();
    });
  });
  if (stream.rstCode !== 0 && end.status === undefined) end.message = `reset with ${stream.rstCode}`;
  return end;
}
