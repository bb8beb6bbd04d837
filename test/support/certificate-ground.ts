import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { initCertificates } from '../../src/certs/init-certificates.ts';
import { syncCertificates } from '../../src/certs/sync-certificates.ts';
import { newClient, type TestPair } from './certificates.ts';

/** A certificates' folder with a few users, and what weir may know of it. */
export interface CertificateGround {
  readonly folder: string;
  /** For CERTIFICATES_FILE. */
  readonly publicFile: string;
  /** Makes somebody who is on the list, as authorized/NAME.crt. */
  user(name: string): Promise<TestPair>;
  /** Replaces the file of permissions. */
  permissions(...lines: string[]): Promise<void>;
  /** What `weir certs sync` does. */
  sync(): Promise<void>;
}

/** What the proxy says of a client on the sockets that only it reaches. */
export function shownBy({ fingerprint, commonName }: TestPair): Record<string, string> {
  return { 'x-weir-client-fingerprint': fingerprint, 'x-weir-client-subject': `CN=${commonName}` };
}

export async function certificateGround(t: TestContext): Promise<CertificateGround> {
  const root = await mkdtemp(join(tmpdir(), 'weir-certs-'));
  t.after(async () => await rm(root, { recursive: true }));
  const [folder, out] = [join(root, 'certs'), join(root, 'out')];
  const publicFile = join(root, 'certificates.json');
  await mkdir(out);
  await initCertificates({ folder, names: ['localhost'] });
  await mkdir(join(folder, 'authorized'));
  return {
    folder,
    publicFile,
    async user(name) {
      const pair = await newClient(folder, name);
      await writeFile(join(folder, 'authorized', `${name}.crt`), pair.certificatePem);
      return pair;
    },
    permissions: async (...lines) => await writeFile(join(folder, 'permissions'), `${lines.join('\n')}\n`),
    async sync() {
      await syncCertificates({ folder, out, publicFile });
    },
  };
}
