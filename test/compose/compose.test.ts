import assert from 'node:assert/strict';
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { appendFile, chown, mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { execFileSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { ChannelCredentials } from '@grpc/grpc-js';
import { ClientError, Status, createChannel, createClient } from 'nice-grpc';
import type { Channel } from 'nice-grpc';
import { Directory } from '../../src/gen/build/bazel/remote/execution/v2/remote_execution.ts';
import { ReferenceStorageDefinition } from '../../src/gen/buildstream/v2/buildstream.ts';
import { ByteStreamDefinition } from '../../src/gen/google/bytestream/bytestream.ts';
import type { WriteRequest } from '../../src/gen/google/bytestream/bytestream.ts';
import { newClient, readPair } from '../support/certificates.ts';
import type { TestPair } from '../support/certificates.ts';
import { Stack, copyOfRepository, docker, withoutGrafana } from '../support/docker.ts';
import { freePorts } from '../support/free-ports.ts';

interface Site {
  stack: Stack;
  folder: string;
  certs: string;
  pullPort: number;
  pushPort: number;
  opsPort: number;
  prometheusPort: number;
  grafanaPort: number;
  /** Why Grafana is not a part of it, if it is not. */
  withoutGrafana: string | undefined;
}

/** Of the checkout's certs/, so that root's own work shows when it is left with root. */
const owner =
  process.getuid?.() === 0 ? { uid: 4321, gid: 4321 } : { uid: process.getuid?.(), gid: process.getgid?.() };

const project = `weir-test-${process.pid}-${randomBytes(3).toString('hex')}`;
const images = {
  WEIR_IMAGE: `${project}:weir`,
  WEIR_NGINX_IMAGE: `${project}:nginx`,
  WEIR_PROMETHEUS_IMAGE: `${project}:prometheus`,
  WEIR_GRAFANA_IMAGE: `${project}:grafana`,
};

/** Of the reference that is pushed and pulled. */
const key = 'project/element/0123456789abcdef';

void test('docker compose up on a clean checkout', { timeout: 590_000 }, async (t) => {
  const daemon = await docker();
  if (typeof daemon === 'string') {
    if (process.env['CI'] === 'true') throw new Error(daemon);
    t.skip(daemon);
    return;
  }
  let site: Site | undefined;
  try {
    site = await startStack(t);
    await useStack(t, site);
  } finally {
    await site?.stack.remove(Object.values(images));
    await daemon.release();
  }
});

async function useStack(t: TestContext, site: Site): Promise<void> {
  await t.test('makes the certificates, for their folder’s owner alone, and nothing for git', async () => {
    for (const file of ['server.key', 'client.key', 'server.crt', 'client.crt', 'authorized.crt']) {
      const { mode, uid, gid } = await stat(join(site.certs, file));
      assert.equal((mode & 0o777).toString(8), file.endsWith('.key') ? '600' : '644', file);
      assert.deepEqual({ uid, gid }, owner, file);
    }
    const git = (...args: string[]) => execFileSync('git', args, { cwd: site.folder, encoding: 'utf8' });
    git('init', '--quiet');
    git('add', '--all');
    assert.deepEqual(git('ls-files', 'certs').trim().split('\n').sort(), [
      'certs/.gitignore',
      'certs/README.md',
      'certs/new-client',
    ]);
  });

  const blob = randomBytes(3 * 1024 * 1024);
  const firstClient = await readPair(join(site.certs, 'client.crt'), join(site.certs, 'client.key'));

  await t.test('takes a push from the first client, and a pull from anyone', async () => {
    await push(site, blob, firstClient);
    assert.deepEqual(await pull(site, blob), blob);
  });

  await t.test('refuses a push without a certificate, and on the pull port', async () => {
    await assert.rejects(push(site, blob), isError(Status.UNAUTHENTICATED, /needs a client certificate/));
    const hint = new RegExp(`port ${site.pushPort} with a client certificate`);
    await assert.rejects(
      push(site, blob, firstClient, site.pullPort),
      isError(Status.PERMISSION_DENIED, hint),
    );
  });

  await t.test('admits a user whose certificate is appended to the list, without a restart', async (t) => {
    const services = ['weir', 'nginx', 'certs'];
    const started = async () => await Promise.all(services.map((service) => site.stack.startedAt(service)));
    const before = await started();
    const user = await newClient(join(site.folder, 'user'), 'user');
    await assert.rejects(push(site, blob, user), isError(Status.UNAUTHENTICATED, /not authorised/));
    await appendFile(join(site.certs, 'authorized.crt'), await readFile(user.certificateFile));
    await t.waitFor(async () => await push(site, blob, user), { interval: 500, timeout: 60_000 });
    assert.deepEqual(await started(), before);
    assert.match(await site.stack.compose('logs', 'weir'), new RegExp(user.fingerprint));
  });

  await t.test('is scraped by Prometheus, which shows hits and bytes', async (t) => {
    const value = async (query: string) => Number(await prometheusValue(site, query));
    await t.waitFor(
      async () => {
        assert.ok((await value('sum(weir_received_bytes_total{listener="push"})')) >= blob.length);
        assert.ok((await value('sum(weir_sent_bytes_total{listener="pull"})')) >= blob.length);
        assert.ok((await value('sum(weir_lookups_total{kind="reference",result="hit"})')) >= 1);
        assert.ok((await value('weir_pushes_total')) >= 2);
      },
      { interval: 1000, timeout: 60_000 },
    );
  });

  await t.test('is watched by the rules, none of which has anything to say', async (t) => {
    const get = async (path: string) =>
      JSON.parse(await (await fetch(`http://127.0.0.1:${site.prometheusPort}/api/v1/${path}`)).text());
    await t.waitFor(
      async () => {
        const { data }: { data: { groups: { rules: { health: string }[] }[] } } = await get('rules');
        const rules = data.groups.flatMap((group) => group.rules);
        assert.ok(rules.length > 20);
        for (const rule of rules) assert.equal(rule.health, 'ok', JSON.stringify(rule));
      },
      { interval: 1000, timeout: 90_000 },
    );
    const { data }: { data: { alerts: { state: string }[] } } = await get('alerts');
    assert.deepEqual(
      data.alerts.filter(({ state }) => state === 'firing'),
      [],
    );
  });

  await t.test('shows Grafana’s dashboard to anybody, with what Prometheus has', async (t) => {
    if (site.withoutGrafana !== undefined) return t.skip(site.withoutGrafana);
    const get = async (path: string) => await fetch(`http://127.0.0.1:${site.grafanaPort}/api/${path}`);
    await t.waitFor(async () => assert.equal((await get('dashboards/uid/weir')).status, 200), {
      interval: 1000,
      timeout: 120_000,
    });
    const query = encodeURIComponent('up{job="weir"}');
    const proxied = await get(`datasources/proxy/uid/prometheus/api/v1/query?query=${query}`);
    const answer: { data: { result: { value: [number, string] }[] } } = JSON.parse(await proxied.text());
    assert.equal(answer.data.result[0]?.value[1], '1');
  });

  await t.test('keeps what it has, and its certificates, over a restart of everything', async (t) => {
    const certificate = await readFile(join(site.certs, 'server.crt'), 'utf8');
    await site.stack.compose('--profile', 'monitoring', 'down');
    await up(t, site);
    assert.equal(await readFile(join(site.certs, 'server.crt'), 'utf8'), certificate);
    assert.deepEqual(await pull(site, blob), blob);
  });
}

async function startStack(t: TestContext): Promise<Site> {
  const folder = await mkdtemp(join(tmpdir(), 'weir-compose-'));
  await copyOfRepository(folder).catch(async (error: unknown) => {
    await rm(folder, { recursive: true });
    throw error;
  });
  const certs = join(folder, 'certs');
  if (process.getuid?.() === 0) await chown(certs, 4321, 4321);
  const missing = await withoutGrafana();
  for (let attempt = 1; ; attempt++) {
    const ports = await freePorts(5);
    const [pullPort = 0, pushPort = 0, opsPort = 0, prometheusPort = 0, grafanaPort = 0] = ports;
    const stack = new Stack(folder, project, {
      ...images,
      WEIR_PULL_PORT: `127.0.0.1:${pullPort}`,
      WEIR_PUSH_PORT: `${pushPort}`,
      WEIR_OPS_PORT: `${opsPort}`,
      WEIR_PROMETHEUS_PORT: `${prometheusPort}`,
      WEIR_GRAFANA_PORT: `${grafanaPort}`,
    });
    const listeners = { pullPort, pushPort, opsPort, prometheusPort, grafanaPort };
    const site = { stack, folder, certs, ...listeners, withoutGrafana: missing };
    try {
      await up(t, site);
      return site;
    } catch (error) {
      const words = String(error) + (error instanceof Error && 'stderr' in error ? String(error.stderr) : '');
      if (attempt < 3 && words.includes('already')) {
        await stack.compose('down');
        continue;
      }
      const logs = await stack.compose('logs', '--tail=50').catch(String);
      await stack.remove(Object.values(images));
      throw new Error(`${words}\n${logs}`, { cause: error });
    }
  }
}

/** Starts what does not run, and waits until every health check has succeeded. */
async function up(t: TestContext, { stack, withoutGrafana }: Site): Promise<void> {
  const services = [
    'certs',
    'weir',
    'nginx',
    'prometheus',
    ...(withoutGrafana === undefined ? ['grafana'] : []),
  ];
  await stack.compose('--profile', 'monitoring', 'up', '--detach', ...services);
  await t.waitFor(
    async () => {
      for (const service of ['certs', 'weir', 'nginx']) {
        assert.equal(await stack.health(service), 'healthy', service);
      }
    },
    { interval: 500, timeout: 120_000 },
  );
}

/** Gives a connection to the use made of it, and closes it. */
async function connected<T>(
  site: Site,
  { port, pair }: { port: number; pair?: TestPair | undefined },
  use: (connection: Channel) => Promise<T>,
): Promise<T> {
  const root = await readFile(join(site.certs, 'server.crt'));
  const keyAndCertificate = pair ? [Buffer.from(pair.keyPem), Buffer.from(pair.certificatePem)] : [];
  const credentials = ChannelCredentials.createSsl(root, ...keyAndCertificate);
  const connection = createChannel(`https://localhost:${port}`, credentials, {
    'grpc.use_local_subchannel_pool': 1,
  });
  try {
    return await use(connection);
  } finally {
    connection.close();
  }
}

/** What `bst push` does: blobs, a directory that names them, and a reference to that. */
async function push(site: Site, blob: Buffer, pair?: TestPair, port = site.pushPort): Promise<void> {
  await connected(site, { port, pair }, async (connection) => {
    const directory = directoryOf(blob);
    for (const bytes of [blob, directory]) {
      await createClient(ByteStreamDefinition, connection).write(inHalves(bytes));
    }
    const references = createClient(ReferenceStorageDefinition, connection);
    await references.updateReference({ keys: [key], digest: digestOf(directory), instanceName: '' });
  });
}

async function* inHalves(bytes: Buffer): AsyncGenerator<WriteRequest> {
  const { hash, sizeBytes } = digestOf(bytes);
  const resourceName = `uploads/${randomUUID()}/blobs/${hash}/${sizeBytes}`;
  const half = bytes.length >> 1;
  yield { resourceName, writeOffset: 0n, finishWrite: false, data: bytes.subarray(0, half) };
  yield { resourceName, writeOffset: BigInt(half), finishWrite: true, data: bytes.subarray(half) };
}

/** The blob by way of the reference, as a stranger gets it. */
async function pull(site: Site, blob: Buffer): Promise<Buffer> {
  return await connected(site, { port: site.pullPort }, async (connection) => {
    const references = createClient(ReferenceStorageDefinition, connection);
    const { digest } = await references.getReference({ key, instanceName: '' });
    assert.deepEqual(digest, digestOf(directoryOf(blob)));
    const { hash, sizeBytes } = digestOf(blob);
    const chunks: Uint8Array[] = [];
    const request = { resourceName: `blobs/${hash}/${sizeBytes}`, readOffset: 0n, readLimit: 0n };
    const blobs = createClient(ByteStreamDefinition, connection);
    for await (const { data } of blobs.read(request)) chunks.push(data);
    return Buffer.concat(chunks);
  });
}

function directoryOf(blob: Buffer): Buffer {
  const file = { name: 'file', digest: digestOf(blob), isExecutable: false, nodeProperties: undefined };
  const directory = { files: [file], directories: [], symlinks: [], nodeProperties: undefined };
  return Buffer.from(Directory.encode(directory).finish());
}

function digestOf(bytes: Buffer): { hash: string; sizeBytes: bigint } {
  return { hash: createHash('sha256').update(bytes).digest('hex'), sizeBytes: BigInt(bytes.length) };
}

async function prometheusValue(site: Site, query: string): Promise<string | undefined> {
  const url = `http://127.0.0.1:${site.prometheusPort}/api/v1/query?query=${encodeURIComponent(query)}`;
  const answer: { data: { result: { value: [number, string] }[] } } = JSON.parse(
    await (await fetch(url)).text(),
  );
  return answer.data.result[0]?.value[1];
}

function isError(code: Status, details: RegExp) {
  return (error: unknown): boolean => {
    assert.ok(error instanceof ClientError, String(error));
    assert.equal(error.code, code, error.message);
    assert.match(error.details, details);
    return true;
  };
}
