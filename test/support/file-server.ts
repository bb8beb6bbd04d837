import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { newServerPair } from './certificates.ts';

/** A web server on loopback, with a certificate of its own for all the names that tests use. */
export interface FileServer {
  readonly port: number;
  /** PEM of what a client has to trust. */
  readonly authorities: string;
  /** What was asked for so far. */
  readonly requests: IncomingMessage[];
  /** By path; a test sets what it needs. */
  readonly answers: Map<string, Answer>;
  close(): Promise<void>;
}

export type Answer = (request: IncomingMessage, response: ServerResponse) => void;

/** Names in the certificate: any host below .test that a test may want. */
const names = ['files.test', 'mirror.test', 'a.files.test', 'other.test', '127.0.0.1', '::1'];

export async function startFileServer(): Promise<FileServer> {
  const folder = await mkdtemp(join(tmpdir(), 'weir-files-'));
  const pair = await newServerPair(folder, { names });
  await rm(folder, { recursive: true });
  const requests: IncomingMessage[] = [];
  const answers = new Map<string, Answer>();
  const server = createServer({
    cert: pair.certificatePem,
    key: pair.key.export({ format: 'pem', type: 'pkcs8' }),
  });
  server.on('request', (request, response) => {
    requests.push(request);
    const answer = answers.get(request.url ?? '');
    if (answer === undefined) response.writeHead(404).end();
    else answer(request, response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    authorities: pair.certificatePem,
    requests,
    answers,
    async close() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}
