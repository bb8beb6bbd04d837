// What a cache no longer has, because its time is over or for want of room, is built again by BuildStream 2 and
// comes back with the next push.
import assert from 'node:assert/strict';
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { ChannelCredentials } from '@grpc/grpc-js';

import { fetchBlob, pushBlob, secondsFromNow } from '../support/assets.ts';
import type { Remote } from '../support/bst.ts';
import { assertOutcome } from '../support/bst-outcome.ts';
import { pseudoRandomBytes } from '../support/bst-project.ts';
import { startSite } from '../support/bst-site.ts';
import { blobPath } from '../support/bst-volume.ts';
import { says2 } from '../support/bst2-outcome.ts';
import { upstreamRelease, workshop } from '../support/bst2-workshop.ts';
import { casUpload } from '../support/buildbox.ts';
import { eventually } from '../support/eventually.ts';
import { testWith } from '../support/real-parts.ts';
import { clientsAt, failure } from '../support/wire.ts';

const behaviour = testWith('buildstream2', 'buildbox', 'nginx');
const mebibyte = 1024 * 1024;

behaviour('an artifact whose name has expired is built again, and stays from then on', async (t) => {
  const site = await startSite(t);
  const { user } = await workshop(t);
  const builder = await user('builder', { artifacts: [site.push] });
  assertOutcome(await builder.run('build', 'hello.bst'), 0, says2.pushed);

  const { output } = await builder.run('show', '--deps', 'none', '--format', '%{full-key}', 'hello.bst');
  const key = /^[0-9a-f]{64}$/m.exec(output)?.[0];
  const uris = [`urn:fdc:buildstream.build:2020:artifact:demo/hello/${key}`];
  const clients = await clientsOf(t, site.push);
  const { blobDigest } = await fetchBlob(clients, uris);
  assert.ok(blobDigest);
  await pushBlob(clients, uris, blobDigest, { expireAt: secondsFromNow(2) });
  await eventually(async () =>
    fetchBlob(clients, uris).then(
      () => false,
      () => true,
    ),
  );
  assert.equal((await failure(fetchBlob(clients, uris))).status, 'NOT_FOUND');

  const second = await user('second', { artifacts: [site.push] });
  assertOutcome(await second.run('build', 'hello.bst'), 0, says2.notCached, says2.built, says2.pushed);
  const reader = await user('reader', { artifacts: [site.pull] });
  assertOutcome(await reader.run('artifact', 'pull', 'hello.bst'), 0, says2.pulled);
});

behaviour('an artifact that was evicted for want of room is built again, and pushed', async (t) => {
  const site = await startSite(t, { env: { LEASE_SECONDS: '0', QUOTA: String(80 * mebibyte) } });
  const shop = await workshop(t);
  const data = pseudoRandomBytes('evicted', 3 * mebibyte);
  await upstreamRelease(shop, { 'data.bin': data });
  const builder = await shop.user('builder', { artifacts: [site.push] });
  assertOutcome(await builder.run('build', 'release.bst'), 0, says2.built, says2.pushed);

  const blob = blobPath(site.volume, data);
  let rounds = 0;
  await eventually(async () => {
    const folder = join(shop.folder, `filler-${(rounds += 1)}`);
    await mkdir(folder);
    await writeFile(join(folder, 'data.bin'), pseudoRandomBytes(`filler ${rounds}`, 16 * mebibyte));
    // Refused where all that is there was used a moment ago: then a later one is taken.
    await casUpload(folder, site.push);
    return !(await isThere(blob));
  });

  const second = await shop.user('second', { artifacts: [site.push] });
  assertOutcome(await second.run('build', 'release.bst'), 0, says2.notCached, says2.built);
  const reader = await shop.user('reader', { artifacts: [site.pull] });
  await eventually(async () => {
    const { output } = await reader.run('artifact', 'pull', 'release.bst');
    if (says2.pulled.test(output)) return true;
    // The push came while there was no room yet.
    await second.run('artifact', 'push', 'release.bst');
    return false;
  });
});

async function isThere(path: string): Promise<boolean> {
  return await stat(path).then(
    () => true,
    () => false,
  );
}

/** Clients on the wire, with what a user has configured. */
async function clientsOf(t: TestContext, { url, serverCert, clientKey, clientCert }: Remote) {
  const [root, key, certificate] = await Promise.all(
    [serverCert, clientKey, clientCert].map((path) => readFile(path ?? '')),
  );
  const credentials = ChannelCredentials.createSsl(root, key, certificate);
  const clients = clientsAt(url.replace('https://', ''), credentials);
  t.after(() => clients.close());
  return clients;
}
