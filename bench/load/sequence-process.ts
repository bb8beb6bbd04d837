// Sends sequences of calls, and is started by sequences.ts for it. As lean as Node allows: HTTP/2 without a library on
// top, and bodies that were made before.
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { type ClientHttp2Session, connect } from 'node:http2';
import type { PreparedCall } from './prepared-call.ts';
import { makeSequence } from './sequence.ts';
import type { SequenceOrder, SequenceReport } from './sequences.ts';

const windowBytes = 2 ** 24;
const frameHeadBytes = 5;
const none = { count: 0, bytes: 0 };

/** Makes everything, says so, waits for the word to begin, and says how long it took. */
async function main(): Promise<void> {
  const [order] = (await once(process, 'message')) as [SequenceOrder];
  // With each run it begins elsewhere among what is stored.
  const first = randomInt(2 ** 20);
  const prepared = Array.from({ length: order.operations }, (_, index) =>
    makeSequence[order.name](first + index, order.stored ?? none),
  );
  const sessions = Array.from({ length: order.connections }, () =>
    connect(`http://${order.address}`, { settings: { initialWindowSize: windowBytes } }),
  );
  await Promise.all(sessions.map((session) => once(session, 'remoteSettings')));
  report({ ready: true });
  await once(process, 'message');
  const begin = performance.now();
  const answers = await Promise.all(sessions.map((session) => sendAll(session, prepared)));
  const seconds = (performance.now() - begin) / 1000;
  for (const { call, reply } of answers.flat()) call.judge(reply);
  report({ seconds });
}

interface Answer {
  call: PreparedCall;
  reply: Uint8Array;
}

/** Each connection takes the next sequence until there is none. */
async function sendAll(session: ClientHttp2Session, prepared: PreparedCall[][]): Promise<Answer[]> {
  const answers: Answer[] = [];
  for (let sequence = prepared.pop(); sequence !== undefined; sequence = prepared.pop()) {
    for (const call of sequence) answers.push({ call, reply: await send(session, call) });
  }
  return answers;
}

/** The message of the answer. */
async function send(session: ClientHttp2Session, { path, body }: PreparedCall): Promise<Uint8Array> {
  const stream = session.request({
    ':method': 'POST',
    ':path': path,
    'content-type': 'application/grpc',
    te: 'trailers',
  });
  let heads: Record<string, unknown> = {};
  // A failed call has its status in the only headers, another in the trailers.
  const take = (headers: object): void => void (heads = { ...heads, ...headers });
  stream.on('response', take).on('trailers', take);
  const reply: Buffer[] = [];
  stream.on('data', (chunk: Buffer) => reply.push(chunk));
  stream.end(body);
  await once(stream, 'close');
  if (heads['grpc-status'] === '0') return Buffer.concat(reply).subarray(frameHeadBytes);
  const { 'grpc-status': status, 'grpc-message': message } = heads;
  throw new Error(`${path} ended with status ${String(status)}: ${String(message)}`);
}

function report(message: SequenceReport): void {
  process.send?.(message);
}

await main().catch((error: unknown) => report({ fault: String(error) }));
