// A whole cache as BuildStream's users meet it: a pull port for anyone and a push port for certificates on
// the list, on one volume.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';

import { startArtifactServer } from './bst-artifact-server.ts';
import type { Implementation } from './bst-artifact-server.ts';
import type { Remote } from './bst.ts';
import { authorize, newClient, newServerPair } from './certificates.ts';
import type { TestPair, TestPairOptions } from './certificates.ts';

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
  /** Ends the server and everything in front of it. */
  stop(): Promise<void>;
}

export interface SiteOptions {
  /** BuildStream's own server is set up the way its documentation says. Default: WEIR_TEST_SERVER, or Weir. */
  implementation?: Implementation;
  /** Serve this directory instead of a new one. */
  volume?: string;
  /** The pair that the server shows: one for localhost unless told otherwise. */
  server?: Pick<TestPairOptions, 'validity'> & { names?: string[] };
}

interface Ports {
  pull: number;
  push: number;
  stop(): Promise<void>;
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

  const ports = await startReference(volume, server, join(certsDir, 'authorized.crt'));
  t.after(() => ports.stop());
  const serverCert = server.certificateFile;
  const pushAs = ({ certificateFile, keyFile }: TestPair): Remote => ({
    url: `https://localhost:${ports.push}`,
    push: true,
    serverCert,
    clientCert: certificateFile,
    clientKey: keyFile,
  });
  return {
    volume,
    pull: { url: `https://localhost:${ports.pull}`, serverCert },
    push: pushAs(admitted),
    pushAs,
    refused,
    stop: () => ports.stop(),
  };
}

async function startReference(volume: string, server: TestPair, authorized: string): Promise<Ports> {
  const tls = ['--server-key', server.keyFile, '--server-cert', server.certificateFile];
  const pull = await startArtifactServer('reference', volume, tls);
  const push = await startArtifactServer('reference', volume, [
    ...tls,
    '--client-certs',
    authorized,
    '--enable-push',
  ]);
  return {
    pull: pull.port,
    push: push.port,
    async stop() {
      await pull.stop();
      await push.stop();
    },
  };
}
