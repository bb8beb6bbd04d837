// What `weir certs sync` makes of the folder's authorities/, in the file for the server and for whoever reads its findings.
import assert from 'node:assert/strict';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { authorizeCertificate } from '../../src/certs/authorize-certificate.ts';
import { syncCertificates } from '../../src/certs/sync-certificates.ts';
import { parsePublicCertificates } from '../../src/core/public-certificates.ts';
import { newAuthority, newRevocationList } from '../support/authorities.ts';
import { newClient } from '../support/certificates.ts';
import { fixture } from './sync-fixture.ts';

/** A folder with two authorities; `told` is what a round says of them. */
async function folderOfTwo(t: TestContext) {
  const at = await fixture(t);
  const publicFile = join(at.elsewhere, 'certificates.json');
  const put = async (file: string, text: string) => {
    await writeFile(join(at.folder, 'authorities', file), text);
  };
  await mkdir(at.elsewhere);
  await mkdir(join(at.folder, 'authorities'));
  const [corp, other] = [await newAuthority('corp'), await newAuthority('other')];
  await put('corp.crt', corp.certificatePem);
  await put('other.crt', other.certificatePem);
  const told = async () => {
    const { findings } = await syncCertificates({ ...at, publicFile });
    const { authorities } = parsePublicCertificates(await readFile(publicFile, 'utf8'));
    return { authorities, said: findings.map(({ file, message }) => `${file}: ${message}`).join('\n') };
  };
  return { at, corp, other, put, told };
}

const closed = (authorities: readonly { subject: string; closed: boolean }[]) =>
  authorities.filter((authority) => authority.closed).map(({ subject }) => subject);

void test('the certificate of a user among the authorities signs nobody in', async (t) => {
  const { at, put, told } = await folderOfTwo(t);
  await put('ada.crt', (await newClient(at.elsewhere, 'ada')).certificatePem);
  const { authorities, said } = await told();
  assert.deepEqual(
    authorities.map(({ subject }) => subject),
    ['CN=corp', 'CN=other'],
  );
  assert.match(said, /^authorities\/ada\.crt: left out: CN=ada is no authority \(CA:FALSE\).*$/);
});

void test('a revocation list that cannot be read closes the authority that it is named after, or else all', async (t) => {
  const { put, told } = await folderOfTwo(t);
  assert.deepEqual(closed((await told()).authorities), []);
  await put('corp.crl', 'not a list');
  const named = await told();
  assert.deepEqual(closed(named.authorities), ['CN=corp']);
  assert.match(named.said, /^authorities\/corp\.crl: .*nobody signed by CN=corp can push$/);
  await put('somebody.crl', 'not a list');
  assert.deepEqual(closed((await told()).authorities), ['CN=corp', 'CN=other']);
});

void test('of an authority’s revocation lists the newest counts, whatever its file is called', async (t) => {
  const { at, corp, put, told } = await folderOfTwo(t);
  const ada = await newClient(at.elsewhere, 'ada', { issuer: corp });
  const older = await newRevocationList(corp, [], 'expired');
  const newer = await newRevocationList(corp, [ada]);
  for (const [first, last] of [
    [older, newer],
    [newer, older],
  ] as const) {
    await put('1.crl', first);
    await put('2.crl', last);
    const { authorities, said } = await told();
    assert.deepEqual(
      authorities.map(({ revoked }) => revoked.length),
      [1, 0],
    );
    assert.equal(said, '');
  }
});

void test('a revocation list past its next update is reported, and its date is told', async (t) => {
  const { corp, put, told } = await folderOfTwo(t);
  await put('corp.crl', await newRevocationList(corp, [], 'expired'));
  const { authorities, said } = await told();
  assert.match(said, /^authorities\/corp\.crl: is out of date since .*nobody signed by CN=corp can push$/);
  const [until = new Date()] = authorities.map(({ revokedUntil }) => revokedUntil);
  assert.ok(until < new Date());
});

void test('who has the name of an authority is not put on the list', async (t) => {
  const { at } = await folderOfTwo(t);
  const { certificatePem: text } = await newClient(at.elsewhere, 'corp');
  await assert.rejects(
    authorizeCertificate({ folder: at.folder, source: 'corp.crt', text }),
    /has the subject of an authority in authorities\//,
  );
});
