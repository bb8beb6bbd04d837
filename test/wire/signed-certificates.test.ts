// Who is let in by an authority's signature: whatever the proxy has let through, the server looks at the certificate itself.
import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { newAuthority, newRevocationList } from '../support/authorities.ts';
import { certificateGround } from '../support/certificate-ground.ts';
import { newClient } from '../support/certificates.ts';
import { ask } from '../support/http-cache.ts';
import { startWeir } from '../support/weir.ts';
import { randomBlob } from '../support/wire.ts';

test('a signed certificate is believed for its key, its time and its kind', async (t) => {
  const ground = await certificateGround(t);
  const corp = await newAuthority('corp');
  const signed = (name: string, options = {}) => newClient(ground.folder, name, { issuer: corp, ...options });
  const revoked = await signed('revoked');
  await mkdir(join(ground.folder, 'authorities'));
  await writeFile(join(ground.folder, 'authorities', 'corp.crt'), corp.certificatePem);
  await writeFile(join(ground.folder, 'authorities', 'corp.crl'), await newRevocationList(corp, [revoked]));
  const old = await newAuthority('old');
  const ofOld = await newClient(ground.folder, 'of-old', { issuer: old });
  await writeFile(join(ground.folder, 'authorities', 'old.crt'), old.certificatePem);
  await writeFile(join(ground.folder, 'authorities', 'old.crl'), await newRevocationList(old, [], 'expired'));
  await ground.sync();
  const weir = await startWeir({ http: true, env: { CERTIFICATES_FILE: ground.publicFile } });
  t.after(() => weir.stop());
  /** As the proxy says whose certificate it has seen, and that its holder has the key. */
  const put = async (pem: string) => {
    const { digest, data } = randomBlob(100);
    const headers = { 'x-weir-client-certificate': encodeURIComponent(pem) };
    const socketPath = join(weir.socketsDir, 'push-http.sock');
    const { status, body } = await ask('PUT', `http://weir/cas/${digest.hash}`, {
      socketPath,
      headers,
      body: data,
    });
    return { status, said: body.toString() };
  };

  assert.equal((await put((await signed('ada')).certificatePem)).status, 200);
  // Somebody who is on the list may have signed it, in the name of the authority: the proxy lets that through.
  const posing = await newAuthority('corp');
  const posed = await newClient(ground.folder, 'posed', { issuer: posing });
  const posedByName = await newClient(ground.folder, 'by-name', { issuer: posing, identifiers: false });
  const refused: readonly (readonly [pem: string, said: RegExp])[] = [
    [posed.certificatePem, /not signed by an authority that counts here/],
    [posedByName.certificatePem, /not signed by an authority that counts here/],
    [(await newClient(ground.folder, 'alone')).certificatePem, /not signed by an authority that counts here/],
    [corp.certificatePem, /certificate of an authority is not for clients/],
    [(await newAuthority('below', corp)).certificatePem, /certificate of an authority is not for clients/],
    [(await signed('late', { validity: 'expired' })).certificatePem, /expired or is not valid yet/],
    [(await signed('early', { validity: 'not yet valid' })).certificatePem, /expired or is not valid yet/],
    [revoked.certificatePem, /was revoked/],
    [ofOld.certificatePem, /has revoked is out of date/],
    ['nothing of the kind', /cannot be read/],
  ];
  for (const [pem, said] of refused) {
    const answer = await put(pem);
    assert.equal(answer.status, 401, answer.said);
    assert.match(answer.said, said);
  }
});
