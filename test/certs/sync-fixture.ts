import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { Finding } from '../../src/certs/finding.ts';
import type { SyncOptions } from '../../src/certs/sync-certificates.ts';
import { newServerPair } from '../support/certificates.ts';

export interface Fixture extends SyncOptions {
  /** Keeps client pairs that are on no list. */
  elsewhere: string;
  readonly copied: (file: string) => Promise<string>;
}

/** A folder with a server pair, and an empty one for the copy. */
export async function fixture(t: TestContext): Promise<Fixture> {
  const root = await mkdtemp(join(tmpdir(), 'weir-sync-'));
  t.after(async () => await rm(root, { recursive: true }));
  const folder = join(root, 'certs');
  const out = join(root, 'out');
  await mkdir(out);
  await newServerPair(folder);
  const copied = async (file: string) => await readFile(join(out, 'current', file), 'utf8');
  return { folder, out, elsewhere: join(root, 'elsewhere'), copied };
}

/** Fingerprints in nginx's list of trusted certificates. */
export async function trusted({ copied }: Fixture): Promise<string[]> {
  const blocks = (await copied('authorized.pem')).match(/-----BEGIN[^]*?-----END CERTIFICATE-----\n/g) ?? [];
  return blocks.map((pem) => hex(new X509Certificate(pem).fingerprint256));
}

/** Fingerprints that the map lets in: SHA-1 and SHA-256. */
export async function admitted({ copied }: Fixture): Promise<string[][]> {
  const lines = (await copied('fingerprints.map')).split('\n').filter((line) => line !== '');
  return lines.map((line) => /^"([0-9a-f]{40})" "([0-9a-f]{64})";$/.exec(line)?.slice(1) ?? [line]);
}

/** As in our lists: lower case, no colons. */
export function hex(fingerprint: string): string {
  return fingerprint.replaceAll(':', '').toLowerCase();
}

/** There is one finding, a warning of these words. */
export function assertWarning(findings: readonly Finding[], message: RegExp): void {
  assert.equal(findings.length, 1, JSON.stringify(findings));
  assert.equal(findings[0]?.severity, 'warning');
  assert.match(findings[0].message, message);
}
