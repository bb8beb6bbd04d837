import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { Agent, request } from 'node:https';
import type { LookupFunction } from 'node:net';
import type { Destination } from './destination.ts';

const agentOptions = {
  // Whatever NODE_TLS_REJECT_UNAUTHORIZED says.
  rejectUnauthorized: true,
  // A connection is for one request: the next one's addresses are checked anew.
  keepAlive: false,
  maxCachedSessions: 0,
} as const;

/**
 * One GET; resolves when the head of the answer is here. Connects to the addresses that were checked and to no
 * proxy. `authorities`: PEM of the certificates to be trusted instead of Node's own list.
 */
export async function httpsGet(
  { url, addresses }: Destination,
  headers: Readonly<Record<string, string>>,
  authorities: string | undefined,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  const lookup: LookupFunction = (_hostname, options, callback) => {
    const [first] = addresses;
    if (options.all === true) callback(null, [...addresses]);
    else callback(null, first?.address ?? '', first?.family);
  };
  // An agent of our own: the global one may have been given a proxy by the environment.
  const agent = new Agent({ ...agentOptions, ...(authorities === undefined ? {} : { ca: authorities }) });
  const sent = request(url, {
    agent,
    lookup,
    signal,
    headers: { accept: '*/*', ...headers, 'accept-encoding': 'identity', 'user-agent': 'weir' },
  });
  const answered = once(sent, 'response') as Promise<[IncomingMessage]>;
  sent.end();
  const [response] = await answered;
  // What breaks later breaks the reading of the answer, which says so.
  sent.on('error', () => {});
  return response;
}
