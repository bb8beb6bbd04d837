// A whole cache as BuildStream's users meet it: a pull port for anyone and a push port for certificates on
// the list, on one volume.
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';

import { startArtifactServer } from './bst-artifact-server.ts';
import type { Implementation } from './bst-artifact-server.ts';
import type { Remote } from './bst.ts';
import { startCasd } from './casd.ts';
import { authorize, newClient, newServerPair } from './certificates.ts';
import type { TestPair, TestPairOptions } from './certificates.ts';
import { startNginx } from './nginx.ts';
import { startWeir } from './weir.ts';

export interface Site {
  volume: string;
  /** The pull port, as anyone configures it. */
  pull: Remote;
  /** The push port, as a user on the list configures it. */
  push: Remote;
  /** The push port, as somebody else configures it. */
  pushAs(client: TestPair): Remote;
  /** Clients that must not get in: not on the list; on the list, but expired. */
  refused: { stranger: TestPair; expired: TestPair };
  /** Kills the server at once, as the kernel does when memory is short. What is in front of it stays. */
  crash(): Promise<void>;
  /** Starts it again after a crash; resolves when it is ready. */
  restart(): Promise<void>;
  /** Ends the server and everything in front of it. */
  stop(): Promise<void>;
}

export interface SiteOptions {
  /**
   * BuildStream's own server is set up the way its documentation says; buildbox-casd is put behind nginx as Weir is.
   * Default: WEIR_TEST_SERVER, or Weir.
   */
  implementation?: Implementation | 'casd';
  /** Serve this directory instead of a new one. */
  volume?: string;
  /** Settings of Weir for this site. */
  env?: Record<string, string>;
  /** The pair that the server shows: one for localhost unless told otherwise. */
  server?: Pick<TestPairOptions, 'validity'> & { names?: string[] };
}

type RunningServer = Pick<Site, 'crash' | 'restart' | 'stop'> & { pullPort: number; pushPort: number };

/** What a server is started with. */
interface Setting {
  volume: string;
  certsDir: string;
  server: TestPair;
  workDir: string;
  env: Record<string, string>;
}

/** Folder that is there for the length of a test. */
export async function temporaryFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'weir-bst-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** Starts a cache; it is stopped at the end of the test, if not before. */
export async function startSite(t: TestContext, options: SiteOptions = {}): Promise<Site> {
  const folder = await temporaryFolder(t);
  const volume = options.volume ?? join(folder, 'volume');
  const certsDir = join(folder, 'certs');
  const server = await newServerPair(certsDir, options.server);
  // BuildStream's page gives every client the same name, so these have it too.
  const client = (name: string, rest: TestPairOptions = {}): Promise<TestPair> =>
    newClient(join(folder, 'clients'), name, { commonName: 'client', ...rest });
  const admitted = await client('admitted');
  const refused = {
    stranger: await client('stranger'),
    expired: await client('expired', { validity: 'expired' }),
  };
  await authorize(certsDir, admitted, refused.expired);

  const { implementation = process.env['WEIR_TEST_SERVER'] ?? 'weir' } = options;
  const start = starters[implementation];
  if (start === undefined) throw new Error(`WEIR_TEST_SERVER: there is no ${implementation}`);
  const running = await start({ volume, certsDir, server, workDir: folder, env: options.env ?? {} });
  t.after(() => running.stop());
  const serverCert = server.certificateFile;
  const pushAs = ({ certificateFile, keyFile }: TestPair): Remote => ({
    url: `https://localhost:${running.pushPort}`,
    push: true,
    serverCert,
    clientCert: certificateFile,
    clientKey: keyFile,
  });
  return {
    volume,
    pull: { url: `https://localhost:${running.pullPort}`, serverCert },
    push: pushAs(admitted),
    pushAs,
    refused,
    crash: () => running.crash(),
    restart: () => running.restart(),
    stop: () => running.stop(),
  };
}

const starters: Record<string, (setting: Setting) => Promise<RunningServer>> = {
  reference: startReference,
  weir: (setting) =>
    startBehindNginx(setting, async (socketsDir) => {
      const weir = await startWeir({ volume: setting.volume, socketsDir, env: setting.env });
      return async (signal) => {
        await weir.kill(signal);
        await weir.stop();
      };
    }),
  casd: (setting) =>
    startBehindNginx(setting, async (socketsDir) => {
      const casd = await startCasd(setting.volume, socketsDir);
      return (signal) => casd.stop(signal);
    }),
};

/** `startServer` serves pull.sock and push.sock in the folder; what it resolves with ends the server. */
async function startBehindNginx(
  { certsDir, workDir }: Setting,
  startServer: (socketsDir: string) => Promise<(signal: NodeJS.Signals) => Promise<void>>,
): Promise<RunningServer> {
  const socketsDir = join(workDir, 'sockets');
  await mkdir(socketsDir);
  let end = await startServer(socketsDir);
  const nginx = await startNginx({ socketsDir, certsDir, workDir: join(workDir, 'nginx') });
  return {
    pullPort: nginx.pullPort,
    pushPort: nginx.pushPort,
    crash: () => end('SIGKILL'),
    async restart() {
      end = await startServer(socketsDir);
    },
    async stop() {
      await nginx.stop();
      await end('SIGTERM');
    },
  };
}

/** Two instances, as BuildStream's documentation sets them up: one for everyone, one for pushing. */
async function startReference({ volume, certsDir, server }: Setting): Promise<RunningServer> {
  const tls = ['--server-key', server.keyFile, '--server-cert', server.certificateFile];
  const clients = ['--client-certs', join(certsDir, 'authorized.crt'), '--enable-push'];
  const start = (pullPort = 0, pushPort = 0) =>
    Promise.all([
      startArtifactServer('reference', volume, tls, pullPort),
      startArtifactServer('reference', volume, [...tls, ...clients], pushPort),
    ]);
  let both = await start();
  const [{ port: pullPort }, { port: pushPort }] = both;
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    await Promise.all(both.map((instance) => instance.stop(signal)));
  };
  return {
    pullPort,
    pushPort,
    crash: () => end('SIGKILL'),
    async restart() {
      both = await start(pullPort, pushPort);
    },
    stop: () => end('SIGTERM'),
  };
}
