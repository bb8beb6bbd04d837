// Client certificates of an authority, and what it has taken back: through nginx, to a real weir behind it.
import assert from 'node:assert/strict';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ChannelCredentials } from '@grpc/grpc-js';
import { ClientError, Status } from 'nice-grpc';
import { eventually } from '../support/eventually.ts';
import { authorize, newClient, newOpensslClient, type TestPair } from '../support/certificates.ts';
import { newAuthority, newRevocationList } from '../support/authorities.ts';
import { testWith } from '../support/real-parts.ts';
import { type CacheSite, cas, startSite } from './cache-site.ts';
import { sampleTree } from '../support/trees.ts';
import { clientsAt, putBatch, randomBlob } from '../support/wire.ts';

const test = testWith('nginx');

/** The status of an upload over HTTP, and what was said. */
async function put(site: CacheSite, pair: TestPair): Promise<{ status: number; said: string }> {
  const blob = randomBlob(100);
  const { status, body } = await site.ask('PUT', 'push', cas(blob), { pair, body: blob.data });
  return { status, said: body.toString() };
}

function credentialsOf({ trusted }: CacheSite, pair: TestPair): ChannelCredentials {
  const own = [pair.keyPem, pair.certificatePem].map((text) => Buffer.from(text)) as [Buffer, Buffer];
  return ChannelCredentials.createSsl(Buffer.from(trusted), ...own);
}

async function untilRefused(site: CacheSite, pair: TestPair, message: RegExp): Promise<void> {
  await eventually(async () => {
    const { status, said } = await put(site, pair);
    return status === 401 && message.test(said);
  });
}

async function untilTaken(site: CacheSite, pair: TestPair): Promise<void> {
  await eventually(async () => (await put(site, pair)).status === 200);
}

/** A site whose folder has an authority in it. */
async function siteWithAuthority(t: Parameters<typeof startSite>[0]) {
  const site = await startSite(t, { certificatesFile: true });
  const folder = join(site.certsDir, 'authorities');
  await mkdir(folder);
  const corp = await newAuthority('corp');
  const [ada, bob] = [
    await newClient(site.certsDir, 'ada', { issuer: corp }),
    await newClient(site.certsDir, 'bob', { issuer: corp }),
  ];
  await writeFile(join(folder, 'corp.crt'), corp.certificatePem);
  await untilTaken(site, ada);
  return { site, folder, corp, ada, bob };
}

test('whoever an authority has signed may push, and so may who is on the list; nobody else', async (t) => {
  const { site, ada, bob } = await siteWithAuthority(t);
  await untilTaken(site, bob);
  await untilTaken(site, site.client);
  const other = await newAuthority('other');
  const stranger = await newClient(site.certsDir, 'stranger', { issuer: other });
  const refused = await put(site, stranger);
  assert.equal(refused.status, 403);
  assert.match(refused.said, /not authorised to push/);
  // A name proves nothing: this authority has the subject of the real one, and a key of its own.
  const posing = await newAuthority('corp');
  const posed = await newClient(site.certsDir, 'posed', { issuer: posing });
  assert.equal((await put(site, posed)).status, 403);
  assert.equal((await put(site, ada)).status, 200);
});

test('an authority’s revocation is effective within seconds, for that certificate alone', async (t) => {
  const { site, folder, corp, ada, bob } = await siteWithAuthority(t);
  await writeFile(join(folder, 'corp.crl'), await newRevocationList(corp, [ada]));
  await untilRefused(site, ada, /was revoked/);
  for (const pair of [bob, site.client]) assert.equal((await put(site, pair)).status, 200);
});

test('pushes over gRPC go by the same: signed, revoked, and on the list', async (t) => {
  const { site, folder, corp, ada, bob } = await siteWithAuthority(t);
  const tree = sampleTree();
  const pushedBy = async (pair: TestPair) => {
    const clients = clientsAt(`localhost:${site.nginx.pushPort}`, credentialsOf(site, pair));
    try {
      await putBatch(clients, tree.blobs);
      const named = { instanceName: '', keys: [`project/element/${pair.commonName}`] };
      await clients.references.updateReference({ ...named, digest: tree.root.digest });
      return 'taken';
    } catch (error) {
      if (error instanceof ClientError) return `${Status[error.code]}: ${error.details}`;
      throw error;
    } finally {
      clients.close();
    }
  };
  assert.equal(await pushedBy(ada), 'taken');
  await writeFile(join(folder, 'corp.crl'), await newRevocationList(corp, [ada]));
  await untilRefused(site, ada, /was revoked/);
  assert.match(await pushedBy(ada), /^UNAUTHENTICATED: .*was revoked/);
  assert.equal(await pushedBy(bob), 'taken');
  assert.equal(await pushedBy(site.client), 'taken');
});

test('an expired revocation list lets in nobody that its authority has signed, and everybody on the list', async (t) => {
  const { site, folder, corp, ada, bob } = await siteWithAuthority(t);
  await writeFile(join(folder, 'corp.crl'), await newRevocationList(corp, [bob], 'expired'));
  await untilRefused(site, ada, /has revoked is out of date or broken/);
  assert.equal((await put(site, site.client)).status, 200);
  await writeFile(join(folder, 'corp.crl'), await newRevocationList(corp, [bob]));
  await untilTaken(site, ada);
  await untilRefused(site, bob, /was revoked/);
});

test('a revocation list that is broken, or that somebody else has signed, lets in nobody of that authority', async (t) => {
  const { site, folder, corp, ada } = await siteWithAuthority(t);
  await writeFile(join(folder, 'corp.crl'), 'garbage');
  await untilRefused(site, ada, /out of date or broken/);
  await rm(join(folder, 'corp.crl'));
  await untilTaken(site, ada);
  await writeFile(join(folder, 'corp.crl'), await newRevocationList(await newAuthority('corp'), []));
  await untilRefused(site, ada, /out of date or broken/);
  assert.equal((await put(site, site.client)).status, 200);
  await writeFile(join(folder, 'corp.crl'), await newRevocationList(corp, []));
  await untilTaken(site, ada);
});

test('an authority that is taken away takes those it has signed with it', async (t) => {
  const { site, folder, ada } = await siteWithAuthority(t);
  await rm(join(folder, 'corp.crt'));
  await eventually(async () => (await put(site, ada)).status !== 200);
  await eventually(async () => (await put(site, ada)).status === 403);
  assert.equal((await put(site, site.client)).status, 200);
});

testWith('nginx', 'openssl')('whoever is on the list cannot sign in the name of an authority', async (t) => {
  const { site, ada } = await siteWithAuthority(t);
  // openssl makes it an authority, and nginx trusts what is on the list.
  const mallory = await newOpensslClient(site.certsDir, 'mallory');
  await authorize(site.certsDir, mallory);
  await untilTaken(site, mallory);
  const plain = await newClient(site.certsDir, 'plain', { issuer: mallory });
  // The chain verifies, so nginx asks weir, who sees by whom it is signed.
  await untilRefused(site, plain, /not signed by an authority that counts here/);
  // A certificate between that has the authority's name, and signs as if it were it.
  const between = await newAuthority('corp', mallory);
  const posed = await newClient(site.certsDir, 'posed', { issuer: between });
  const chain = { ...posed, certificatePem: posed.certificatePem + between.certificatePem };
  await untilRefused(site, chain, /not signed by an authority that counts here/);
  // One with the subject of the authority does not get on the list at all.
  const namesake = await newOpensslClient(site.certsDir, 'corp');
  await authorize(site.certsDir, namesake);
  await site.nginx.reload();
  assert.equal((await put(site, namesake)).status, 403);
  assert.equal((await put(site, ada)).status, 200);
});

test('a client cannot bring a certificate along in a header', async (t) => {
  const { site, ada } = await siteWithAuthority(t);
  const stranger = await newClient(site.certsDir, 'stranger');
  const headers = { 'x-weir-client-certificate': encodeURIComponent(ada.certificatePem) };
  const blob = randomBlob(100);
  const told = { headers, body: blob.data };
  assert.equal((await site.ask('PUT', 'push', cas(blob), { pair: stranger, ...told })).status, 403);
  assert.equal((await site.ask('PUT', 'push', cas(blob), { pair: 'none', ...told })).status, 403);
  assert.equal((await site.ask('PUT', 'pull', cas(blob), told)).status, 403);
});

test('a weir that knows nothing of authorities lets in nobody by them', async (t) => {
  const site = await startSite(t);
  await mkdir(join(site.certsDir, 'authorities'));
  const corp = await newAuthority('corp');
  const ada = await newClient(site.certsDir, 'ada', { issuer: corp });
  await writeFile(join(site.certsDir, 'authorities', 'corp.crt'), corp.certificatePem);
  await untilRefused(site, ada, /knows no authorities/);
  assert.equal((await put(site, site.client)).status, 200);
});
