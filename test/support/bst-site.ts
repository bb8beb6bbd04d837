// A whole cache as BuildStream's users meet it: a pull port for anyone and a push port for certificates on
// the list, on one volume.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';

import { startArtifactServer } from './bst-artifact-server.ts';
import type { Implementation } from './bst-artifact-server.ts';
import { siteCertificates } from './bst-certificates.ts';
import type { ServerKind, SiteCertificates } from './bst-certificates.ts';
import type { Remote } from './bst.ts';

export interface Site {
  volume: string;
  certificates: SiteCertificates;
  /** The pull port, as anyone configures it. */
  pull: Remote;
  /** The push port, as a user on the list configures it. */
  push: Remote;
  /** Ends the server and everything in front of it. */
  stop(): Promise<void>;
}

export interface SiteOptions {
  /** BuildStream's own server is set up the way its documentation says. Default: WEIR_TEST_SERVER, or Weir. */
  implementation?: Implementation;
  /** Serve this directory instead of a new one. */
  volume?: string;
  /** Which pair the server shows. */
  server?: ServerKind;
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
  const certificates = await siteCertificates(join(folder, 'certs'), options.server ?? 'good');
  const volume = options.volume ?? join(folder, 'volume');
  const ports = await startReference(volume, certificates);
  t.after(() => ports.stop());
  const server = { serverCert: certificates.server.certificate };
  const { admitted } = certificates.clients;
  return {
    volume,
    certificates,
    pull: { ...server, url: `https://localhost:${ports.pull}` },
    push: {
      ...server,
      url: `https://localhost:${ports.push}`,
      push: true,
      clientCert: admitted.certificate,
      clientKey: admitted.key,
    },
    stop: () => ports.stop(),
  };
}

async function startReference(volume: string, { server, authorized }: SiteCertificates): Promise<Ports> {
  const tls = ['--server-key', server.key, '--server-cert', server.certificate];
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
