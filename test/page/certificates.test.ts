// What the status page says of certificates: whether one has expired, or will soon, and whose it is.
import assert from 'node:assert/strict';
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { type CertificateKind, publicCertificatesText } from '../../src/core/public-certificates.ts';
import { eventually } from '../support/eventually.ts';
import { textOf } from '../support/page-text.ts';
import { pageFrom } from '../support/status-pages.ts';
import { startWeir, type Weir } from '../support/weir.ts';

const dayMs = 86_400_000;

void describe('certificates on the status page', () => {
  let folder: string;
  let full: Weir;
  let summary: Weir;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'weir-page-certificates-'));
    await known(['server', 'server', 900]);
    const env = { CERTIFICATES_FILE: join(folder, 'public') };
    full = await startWeir({ env: { ...env, STATUS_PAGE: 'full' } });
    summary = await startWeir({ env: { ...env, STATUS_PAGE: 'summary' } });
  });

  after(async () => {
    await full.stop();
    await summary.stop();
    await rm(folder, { recursive: true });
  });

  /** What `weir certs sync` would tell the servers: each by kind, name and days left. */
  async function known(...those: [kind: CertificateKind, name: string, days: number][]): Promise<void> {
    const certificates = those.map(([kind, name, days], index) => ({
      kind,
      name,
      subject: `CN=${name}`,
      sha256: String(index).padStart(64, '0'),
      expires: new Date(Date.now() + days * dayMs + dayMs / 2),
    }));
    await writeFile(
      join(folder, 'new'),
      publicCertificatesText({ certificates, authorities: [], rules: [] }),
    );
    await rename(join(folder, 'new'), join(folder, 'public'));
  }

  async function says(weir: Weir, words: RegExp): Promise<void> {
    let text = '';
    await eventually(async () => {
      text = textOf(await pageFrom(weir.opsUrl, '/status'));
      return words.test(text);
    }).catch((error: unknown) => {
      throw new Error(`${String(words)} is not in ${text}`, { cause: error });
    });
  }

  test('are valid, and the first to expire is named', async () => {
    await known(['server', 'server', 900], ['client', 'ada', 400]);
    await says(
      full,
      /Certificates valid 2 certificates\. The first to expire, .* is the client certificate ada/,
    );
  });

  test('that expire within three weeks are told before, lists of revoked ones in the last two days', async () => {
    await known(['server', 'server', 900], ['crl', 'ours', 5]);
    await says(full, /Certificates valid .* is the list of revoked certificates of the authority ours/);
    await known(['server', 'server', 900], ['crl', 'ours', 1]);
    await says(full, /Certificates expire soon /);
    await known(['server', 'server', 20]);
    await says(full, /Certificates expire soon .* is the server certificate server/);
  });

  test('that have expired are told', async () => {
    await known(['server', 'server', 900], ['client', 'ada', -2]);
    await says(full, /Certificates 1 expired Of 2\. The client certificate ada expired on/);
  });

  test('have no names where no names are shown', async () => {
    await known(['server', 'server', 900], ['client', 'ada', -3]);
    await says(summary, /Certificates 1 expired Of 2\. The client certificate expired on/);
    assert.doesNotMatch(await pageFrom(summary.opsUrl, '/status'), /\bada\b/);
  });
});
