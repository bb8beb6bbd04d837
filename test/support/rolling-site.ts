// nginx before a weir that is replaced, and certificates that are exchanged, while clients work.
import assert from 'node:assert/strict';
import { copyFile, mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ChannelCredentials } from '@grpc/grpc-js';
import { CacheClient } from './cache-client.ts';
import { authorizeOnly, newClient, newServerPair, readPair, type TestPair } from './certificates.ts';
import { eventually } from './eventually.ts';
import { startNginx } from './nginx.ts';
import { shownFingerprint } from './shown-certificate.ts';
import { startWeir, type Weir } from './weir.ts';

/** The site, and what its operator does to it. */
export interface RollingSite {
  readonly pullUrl: string;
  readonly pushUrl: string;
  /** What a TLS client needs: every server certificate that there will be, and the pair that is always authorised. */
  readonly ca: string;
  readonly pair: TestPair;
  pusher(): CacheClient;
  puller(): CacheClient;
  /** A new server takes the place of the old one, which is then asked to stop; resolves once the new one serves. */
  replace(): Promise<void>;
  /** The old server is asked to stop, and when it has, a new one is started. */
  stopAndStart(): Promise<void>;
  /** Resolves when every server that was asked to stop has; fails when one did not in order. */
  stopped(): Promise<void>;
  /** Another server certificate, another list of who may push; nothing waits for them to be taken over. */
  rotate(): Promise<void>;
  /** Resolves when nginx shows the certificate of the last rotation. */
  rotated(): Promise<void>;
  nginxErrors(): Promise<string>;
  stop(): Promise<void>;
}

/** So many different server certificates take turns. */
const pairs = 3;

export async function startRollingSite(): Promise<RollingSite> {
  const folder = await mkdtemp(join(tmpdir(), 'weir-roll-'));
  const [certsDir, socketsDir, volume] = ['certs', 'sockets', 'volume'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ];
  await mkdir(socketsDir);
  const start = async () =>
    await startWeir({ volume, socketsDir, http: true, env: { DRAIN_SECONDS: '120' } });
  let weir = await start();
  const weirs: Weir[] = [weir];
  const others = await Promise.all(
    Array.from({ length: pairs }, async (_, index) => await newServerPair(join(folder, `pair-${index}`))),
  );
  const nginx = await startNginx({ socketsDir, certsDir, volume, workDir: join(folder, 'work') });
  const first = await readFile(join(certsDir, 'server.crt'), 'utf8');
  const ca = first + others.map(({ certificatePem }) => certificatePem).join('');
  const pair = await readPair(join(certsDir, 'client.crt'), join(certsDir, 'client.key'));
  const other = await newClient(certsDir, 'other');
  const ending: Promise<void>[] = [];
  let rotations = 0;

  const client = (port: number, own?: TestPair) =>
    new CacheClient(
      `localhost:${port}`,
      own === undefined
        ? ChannelCredentials.createSsl(Buffer.from(ca))
        : ChannelCredentials.createSsl(
            Buffer.from(ca),
            Buffer.from(own.keyPem),
            Buffer.from(own.certificatePem),
          ),
    );

  /** In order: with all calls ended by themselves, and nothing in the log that nobody expected. */
  async function ended(old: Weir): Promise<void> {
    await old.kill('SIGTERM');
    assert.match(old.output(), /"stopped"/);
    assert.doesNotMatch(old.output(), /they are cut|"level":"error"/);
  }

  return {
    pullUrl: `https://localhost:${nginx.pullPort}`,
    pushUrl: `https://localhost:${nginx.pushPort}`,
    ca,
    pair,
    pusher: () => client(nginx.pushPort, pair),
    puller: () => client(nginx.pullPort),
    async replace() {
      const old = weir;
      weir = await start();
      weirs.push(weir);
      const end = ended(old);
      // Looked at in stopped(); until then a failure must not count as unhandled.
      end.catch(() => {});
      ending.push(end);
    },
    async stopAndStart() {
      await ended(weir);
      weir = await start();
      weirs.push(weir);
    },
    async stopped() {
      await Promise.all(ending);
    },
    async rotate() {
      const next = join(folder, `pair-${rotations++ % pairs}`);
      // As an operator does it: one file after the other.
      for (const name of ['server.key', 'server.crt']) await copyFile(join(next, name), join(certsDir, name));
      await authorizeOnly(certsDir, ...(rotations % 2 === 0 ? [pair, other] : [pair]));
    },
    async rotated() {
      const wanted = others[(rotations - 1) % pairs]?.fingerprint;
      for (const port of [nginx.pullPort, nginx.pushPort])
        await eventually(async () => (await shownFingerprint(port)) === wanted);
    },
    nginxErrors: async () => await nginx.errorLog(),
    async stop() {
      await nginx.stop();
      for (const each of weirs) await each.stop();
      await rm(folder, { recursive: true, maxRetries: 20, retryDelay: 100 });
    },
  };
}
