// A real weir with the HTTP cache protocol, and nginx before it.
import assert from 'node:assert/strict';
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { readPair, type TestPair } from '../support/certificates.ts';
import { eventually } from '../support/eventually.ts';
import { ask, type HttpAnswer, type HttpQuestion } from '../support/http-cache.ts';
import { type AccessLogEntry, type RunningNginx, startNginx } from '../support/nginx.ts';
import { startWeir, type Weir } from '../support/weir.ts';
import type { Blob } from '../support/wire.ts';

/** Which of the two ports. */
export type Listener = 'pull' | 'push';

/** A weir that speaks the HTTP cache protocol, and nginx before it. */
export interface CacheSite {
  weir: Weir;
  nginx: RunningNginx;
  certsDir: string;
  client: TestPair;
  trusted: string;
  ask(method: string, listener: Listener, path: string, question?: SiteQuestion): Promise<HttpAnswer>;
  /** The last line of the access log for a path, once it is there. */
  logged(path: string): Promise<AccessLogEntry>;
}

/** How to ask. */
export interface SiteQuestion extends HttpQuestion {
  /** The client's certificate; the authorised one of the push port if there is no word about it. */
  pair?: TestPair | 'none';
}

/** What is different about a site. */
interface SiteOptions {
  /** Whether nginx has the volume too. */
  withVolume?: boolean;
  /** A list of them. */
  tokens?: readonly string[];
  /** Whether weir is told of the certificates' folder. */
  certificatesFile?: boolean;
  env?: Record<string, string>;
}

/** Starts both, and ends them with the test. */
export async function startSite(t: TestContext, options: SiteOptions = {}): Promise<CacheSite> {
  const folder = await mkdtemp(join(tmpdir(), 'weir-nginx-'));
  // What mkdtemp makes is closed to all others; nginx's workers are somebody else.
  await chmod(folder, 0o755);
  const [certsDir, socketsDir, volume] = ['certs', 'sockets', 'volume'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ];
  await mkdir(socketsDir);
  const tokensFile = join(folder, 'tokens');
  if (options.tokens !== undefined) await writeFile(tokensFile, `${options.tokens.join('\n')}\n`);
  const publicFile = join(folder, 'certificates.json');
  const env = {
    ...(options.tokens && { TOKENS_FILE: tokensFile }),
    ...(options.certificatesFile === true && { CERTIFICATES_FILE: publicFile }),
    ...options.env,
  };
  const weir = await startWeir({ socketsDir, volume, http: true, env });
  const nginx = await startNginx({
    socketsDir,
    certsDir,
    workDir: join(folder, 'work'),
    pushTokens: options.tokens === undefined ? 'off' : 'on',
    ...(options.withVolume !== false && { volume }),
    ...(options.certificatesFile === true && { publicFile }),
  });
  t.after(async () => {
    await nginx.stop();
    await weir.stop();
    // A test of the configuration that the watcher had begun may still write here.
    await rm(folder, { recursive: true, maxRetries: 20, retryDelay: 100 });
  });
  const client = await readPair(join(certsDir, 'client.crt'), join(certsDir, 'client.key'));
  const trusted = await readFile(join(certsDir, 'server.crt'), 'utf8');
  return {
    weir,
    nginx,
    certsDir,
    client,
    trusted,
    async ask(method, listener, path, { pair, ...question } = {}) {
      const port = listener === 'pull' ? nginx.pullPort : nginx.pushPort;
      const shown = pair ?? (listener === 'push' ? client : 'none');
      const identity = shown === 'none' ? {} : { key: shown.keyPem, cert: shown.certificatePem };
      return await ask(method, `https://localhost:${port}${path}`, { ca: trusted, ...identity, ...question });
    },
    async logged(path) {
      let last: AccessLogEntry | undefined;
      await eventually(async () => {
        last = (await nginx.accessLog()).findLast(({ method }) => method === path);
        return last !== undefined;
      });
      return last as AccessLogEntry;
    },
  };
}

export const cas = ({ digest }: Blob) => `/cas/${digest.hash}`;

/** Through the push port, by the authorised client. */
export async function put(site: CacheSite, blob: Blob): Promise<void> {
  const { status, body } = await site.ask('PUT', 'push', cas(blob), { body: blob.data });
  assert.equal(status, 200, body.toString());
}

/** Stored, and read once by weir: only what it has verified may go out without it. */
export async function putAndRead(site: CacheSite, blob: Blob): Promise<void> {
  await put(site, blob);
  assert.deepEqual((await site.ask('GET', 'pull', cas(blob))).body, Buffer.from(blob.data));
}
