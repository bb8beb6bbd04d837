// R11: whatever a server is sent, it lives, answers everybody else, says what it is documented to say, and touches
// nothing outside its volume.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { status as grpcStatus } from '@grpc/grpc-js';
import type { ClientHttp2Session, OutgoingHttpHeaders } from 'node:http2';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import * as fc from 'fast-check';
import {
  ActionResult,
  FindMissingBlobsRequest,
} from '../../src/gen/build/bazel/remote/execution/v2/remote_execution.ts';
import {
  actionCalls,
  actionResults,
  assetCalls,
  chunkCalls,
  digestCalls,
  type FuzzedCall,
  namingCalls,
  referenceCalls,
} from '../support/fuzz-calls.ts';
import { authorizationsNear, hasToken, toolBytes } from '../support/fuzz-access.ts';
import { compressedBytes, compressedCalls } from '../support/fuzz-compressed.ts';
import { connectionBytes, lyingCalls } from '../support/fuzz-connections.ts';
import { countOf, flood, type Kind, type Tally, whileHealthy } from '../support/fuzz-flood.ts';
import { closeOf, framed, request, sessionTo, socketTo, type StreamEnd } from '../support/fuzz-frames.ts';
import { cacheRequests, exchanged, opsRequests, requestBytes, statusIn } from '../support/fuzz-http.ts';
import { anyMessages, edited, validMessages } from '../support/fuzz-messages.ts';
import { memoryOf } from '../support/fuzz-process.ts';
import { type FuzzSite, startFuzzSite } from '../support/fuzz-site.ts';
import { emptyElements, rawDirectory } from '../support/fuzz-trees.ts';
import { figure, sized } from '../support/promise-size.ts';
import { newToken } from '../support/tokens.ts';
import { startWeir } from '../support/weir.ts';
import {
  blobOf,
  downloadName,
  findMissing,
  putBatch,
  randomBlob,
  read,
  uploadName,
  write,
} from '../support/wire.ts';

const MiB = 1024 * 1024;
/** What the promise asks for, of a long run. */
const wanted = sized({ short: 4000, long: 1_000_000 });
/** Far above what a server takes that answers honest calls, far below what a leak of a kilobyte for each input comes to. */
const mostMemory = 700 * MiB;

/** A crash would be UNAVAILABLE, a hang DEADLINE_EXCEEDED, a fault of ours UNKNOWN or INTERNAL. */
const never = new Set(['UNKNOWN', 'INTERNAL', 'DEADLINE_EXCEEDED', 'UNAVAILABLE', 'DATA_LOSS']);
/** Of the HTTP cache protocol and the operations port; nothing is unavailable here, and nothing an internal error. */
const httpStatuses = new Set([
  200, 206, 400, 401, 403, 404, 405, 408, 409, 411, 413, 414, 415, 416, 417, 431, 501, 507,
]);

const findMissingPath = '/build.bazel.remote.execution.v2.ContentAddressableStorage/FindMissingBlobs';
const toolHeader = 'build.bazel.remote.execution.v2.requestmetadata-bin';

describe('A flood of inputs that nobody would send', () => {
  let site: FuzzSite;
  let folder: string;
  const token = newToken('ci', 'push');
  const tallies: Record<string, Tally> = {};
  const absent = randomBlob(100);
  const large = randomBlob(20_000);
  let root = rawDirectory({});
  let healthy = 0;
  const sessions: ClientHttp2Session[] = [];

  async function connected(address: string): Promise<ClientHttp2Session> {
    const session = await sessionTo(address);
    sessions.push(session);
    return session;
  }

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'weir-fuzz-tokens-'));
    await writeFile(join(folder, 'tokens'), token.line);
    site = await startFuzzSite({ tcp: true, http: true, env: { REFLECTION: 'true' } });
    root = rawDirectory({
      files: [{ name: 'f', digest: large.digest, isExecutable: false, nodeProperties: undefined }],
    });
    await putBatch(site.push, [large, root]);
  });

  after(async () => {
    for (const session of sessions) session.destroy();
    await site.stop();
    await rm(folder, { recursive: true, force: true });
  });

  async function run<T>(kind: Kind<T>): Promise<void> {
    const fresh = blobOf(`${kind.name} ${process.pid}`);
    const ask = async () => {
      assert.deepEqual(await read(site.pull, downloadName(site.blob)), Buffer.from(site.blob.data));
      assert.deepEqual(await findMissing(site.pull, [site.blob.digest, large.digest]), []);
      await write(site.push, uploadName(fresh), fresh.data);
    };
    healthy += await whileHealthy(ask, async () => void (tallies[kind.name] = await flood(kind)));
    // Descriptors are counted.
    for (const session of sessions.splice(0)) session.destroy();
    await site.assertUnharmed();
    assert.doesNotMatch(site.weir.output(), /"level":"error"/);
  }

  function verdictOf(path: string, { http, status, message }: StreamEnd): string {
    site.assertTellsNoPath(message.replace(path, ''));
    const name = status === undefined ? `HTTP ${http}` : (grpcStatus[status] ?? `status ${status}`);
    assert.ok(!never.has(name), `${path}: ${name} ${message}`);
    return name;
  }

  /** Calls over a connection that is made anew when the server has ended it. */
  function caller(address: () => string, headers: Record<string, string | undefined> = {}) {
    let session: Promise<ClientHttp2Session> | undefined;
    return async ({ path, messages }: FuzzedCall): Promise<string> => {
      session ??= connected(address());
      const open = await session;
      assert.ok(!open.destroyed, 'the server has ended the connection');
      const body = Buffer.concat(messages.map((message) => framed(message)));
      const end = await request(open, path, body, headers);
      assert.equal(end.http, 200, `${path}: HTTP ${end.http} ${end.message}`);
      return verdictOf(path, end);
    };
  }

  const structured: [name: string, inputs: number, values: () => fc.Arbitrary<FuzzedCall>][] = [
    ['resource names', 240_000, () => namingCalls([site.blob, absent, large])],
    ['digests', 120_000, () => digestCalls([site.blob, absent, large])],
    ['references and instance names', 100_000, () => referenceCalls(root)],
    ['URIs and qualifiers of assets', 80_000, () => assetCalls(root)],
    ['action results', 60_000, () => actionCalls([site.blob, absent, large, root])],
    ['lists of chunks', 50_000, () => chunkCalls([site.blob, absent, large])],
    ['compressed streams', 40_000, () => compressedCalls([site.blob, absent, large])],
    ['messages', 170_000, () => anyMessages(validMessages(site.blob))],
  ];
  for (const [name, inputs, values] of structured) {
    test(`of ${name} has documented answers and no other consequence`, async () => {
      await run({ name, inputs, values: values(), send: caller(() => site.weir.pushAddress) });
    });
  }

  test('of calls that lie about themselves has an end each', async () => {
    let session = await connected(site.weir.pushAddress);
    const send = async ({ path, headers, body }: Parameters<typeof requestOf>[0]) => {
      if (session.destroyed || session.closed) session = await connected(site.weir.pushAddress);
      const end = await requestOf({ path, headers, body });
      assert.ok(
        [200, 400, 405, 415].includes(end.http) || end.message.startsWith('reset'),
        `HTTP ${end.http}`,
      );
      // A deadline of nothing is over at once.
      if ('grpc-timeout' in headers && end.status === grpcStatus.DEADLINE_EXCEEDED) return 'deadline';
      return verdictOf(path, end);
    };
    const requestOf = async ({
      path,
      headers,
      body,
    }: {
      path: string;
      headers: OutgoingHttpHeaders;
      body: Buffer;
    }) => await request(session, path, body, { ...headers });
    await run({ name: 'calls that lie', inputs: 60_000, values: lyingCalls(site.blob), send });
  });

  test('of bytes on new connections ends no other connection', async () => {
    const { pullAddress, pushAddress, pullUrl, pushUrl } = site.weir;
    const http = [pullUrl, pushUrl, site.weir.opsUrl].map((url) => new URL(url).host);
    const values = fc.record({
      address: fc.constantFrom(pullAddress, pushAddress, ...http),
      bytes: connectionBytes,
      politely: fc.boolean(),
    });
    const send = async ({
      address,
      bytes,
      politely,
    }: {
      address: string;
      bytes: Buffer;
      politely: boolean;
    }) => {
      const socket = socketTo(address);
      const closed = closeOf(socket, 30);
      socket.resume();
      socket.write(bytes);
      if (politely) socket.end();
      await closed;
      return 'sent';
    };
    await run({ name: 'frames and other bytes', inputs: 60_000, values, send });
  });

  test('of HTTP requests has documented answers', async () => {
    const blobs = [site.blob, absent, large, root];
    const results = actionResults(blobs).map((result) => ActionResult.encode(result).finish());
    const bodies = fc.oneof(
      fc.constantFrom(...blobs.map(({ data }) => data)),
      results,
      edited(results),
      compressedBytes(blobs),
      fc.constant(emptyElements(2, 20_000, 'x').data),
    );
    const hashes = blobs.map(({ digest }) => digest.hash);
    const values = fc.record({
      url: fc.constantFrom(site.weir.pullUrl, site.weir.pushUrl),
      request: cacheRequests(hashes, bodies),
    });
    await run({
      name: 'HTTP requests',
      inputs: 40_000,
      values,
      send: async ({ url, request }) => httpVerdict(await exchanged(url, requestBytes(request))),
    });
    await run({
      name: 'requests to the operations port',
      inputs: 10_000,
      values: opsRequests,
      send: async (request) => httpVerdict(await exchanged(site.weir.opsUrl, requestBytes(request))),
    });
  });

  function httpVerdict(answers: string): string {
    const status = statusIn(answers);
    if (status === undefined) return 'hung up';
    assert.ok(httpStatuses.has(status), answers.slice(0, 300));
    if (status !== 200 && status !== 206)
      // The paths that the protocol has are told.
      site.assertTellsNoPath(
        answers.slice(answers.lastIndexOf('\r\n\r\n') + 4).replaceAll(/\/(cas|ac)\/<\w+>/g, ''),
      );
    return `HTTP ${status}`;
  }

  test('of tokens, and of what a call says of its tool, lets nobody in', async () => {
    const guarded = await startWeir({ env: { TOKENS_FILE: join(folder, 'tokens'), LOG_LEVEL: 'debug' } });
    try {
      const empty = framed(
        FindMissingBlobsRequest.encode({ instanceName: '', blobDigests: [], digestFunction: 0 }).finish(),
      );
      const session = await connected(guarded.pushAddress);
      const values = fc.record({ authorization: authorizationsNear(token.token), tool: toolBytes() });
      const send = async ({ authorization, tool }: { authorization: string; tool: Uint8Array }) => {
        const headers = { authorization, [toolHeader]: Buffer.from(tool).toString('base64') };
        const end = await request(session, findMissingPath, empty, headers);
        const expected = hasToken(authorization, token.token) ? 'OK' : 'UNAUTHENTICATED';
        assert.equal(verdictOf(findMissingPath, end), expected);
        return expected;
      };
      tallies['tokens and tools'] = await flood({ name: 'tokens', inputs: 50_000, values, send });
      assert.doesNotMatch(guarded.output(), /"level":"error"|nobody expected/);
      assert.ok(!guarded.output().includes(token.token), 'the log has a token');
    } finally {
      await guarded.stop();
    }
  });

  test('of command lines ends each with a sentence', async () => {
    const word = fc.oneof(
      fc.constantFrom(
        'certs',
        'init',
        'tokens',
        'new',
        'fsck',
        'healthcheck',
        '--dir',
        '--out',
        '--role',
        '--json',
      ),
      fc.constantFrom('--help', '--version', '--repair', '-', '--', '', '=', '--__proto__', 'x', '/dev/null'),
      fc.stringMatching(/^[ -~]{0,20}$/).filter((text) => !/serve|watch/.test(text)),
    );
    const values = fc.record({
      command: fc.constantFrom('weir', 'bst-artifact-server'),
      args: fc.array(word, { maxLength: 5 }),
    });
    const run = promisify(execFile);
    const send = async ({ command, args }: { command: string; args: string[] }) => {
      const program = join(import.meta.dirname, '..', '..', 'bin', command);
      // Without a port that could be had, whatever else there is.
      const all = command === 'weir' ? args : [...args, '--port', '-1'];
      const env = { PATH: process.env['PATH'], OPS_LISTEN: '127.0.0.1:1' };
      const options = { cwd: folder, env, timeout: 120_000 };
      const { code, stderr } = await run(process.execPath, [program, ...all], options).then(
        ({ stderr: said }) => ({ code: 0, stderr: said }),
        (error: { code: number; stderr: string }) => error,
      );
      assert.ok([0, 1, 2, 255].includes(code), `exit ${code}: ${stderr}`);
      assert.doesNotMatch(stderr, /^\s+at |node:internal|\.js:\d+/m);
      return `exit ${code}`;
    };
    tallies['command lines'] = await flood({ name: 'command lines', inputs: 500, fewest: 4, values, send });
  });

  test(`came to at least ${wanted} inputs, and left the server as small as it was`, async (t) => {
    const inputs = Object.values(tallies).reduce((sum, tally) => sum + countOf(tally), 0);
    const most = await memoryOf(site.weir.pid, 'most');
    const mebibytes = Math.round(most / MiB);
    figure(t, { inputs, crashes: 0, unknown: 0, healthy, mebibytes, tallies });
    assert.ok(inputs >= wanted, `${inputs} inputs`);
    assert.ok(most < mostMemory, `the server held ${mebibytes} MiB`);
  });
});
