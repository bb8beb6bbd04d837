// What the server tells of certificates: when they expire, in its metrics.
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { newAuthority, newRevocationList } from '../support/authorities.ts';
import { certificateGround } from '../support/certificate-ground.ts';
import { eventually } from '../support/eventually.ts';
import { startWeir } from '../support/weir.ts';

const metric = /^weir_certificate_expiry_timestamp_seconds\{(.*)\} (\S+)$/gm;

test('metrics have when certificates expire, by name and kind, and follow the folder', async (t) => {
  const ground = await certificateGround(t);
  const ada = await ground.user('ada');
  const corp = await newAuthority('corp');
  await mkdir(join(ground.folder, 'authorities'));
  await writeFile(join(ground.folder, 'authorities', 'root.crt'), corp.certificatePem);
  await writeFile(join(ground.folder, 'authorities', 'root.crl'), await newRevocationList(corp, []));
  await ground.sync();
  const weir = await startWeir({ env: { CERTIFICATES_FILE: ground.publicFile } });
  t.after(() => weir.stop());
  const series = async () => {
    const text = await (await fetch(`${weir.opsUrl}/metrics`)).text();
    return new Map([...text.matchAll(metric)].map(([, labels = '', value]) => [labels, Number(value)]));
  };
  const expiry = async (file: string) =>
    Date.parse(new X509Certificate(await readFile(join(ground.folder, file))).validTo) / 1000;

  const first = await series();
  assert.deepEqual([...first.keys()].sort(), [
    'kind="authority",name="root"',
    'kind="client",name="ada"',
    'kind="client",name="client"',
    'kind="crl",name="root"',
    'kind="server",name="server"',
  ]);
  assert.equal(first.get('kind="server",name="server"'), await expiry('server.crt'));
  assert.equal(first.get('kind="client",name="ada"'), await expiry('authorized/ada.crt'));
  assert.equal(first.get('kind="authority",name="root"'), await expiry('authorities/root.crt'));

  // Two that are called alike are two series.
  await writeFile(join(ground.folder, 'authorized.crt'), '');
  const other = await ground.user('other');
  await writeFile(join(ground.folder, 'authorized', 'ada.crt'), ada.certificatePem + other.certificatePem);
  await ground.sync();
  await eventually(async () =>
    (await series()).has(`kind="client",name="ada-${other.fingerprint.slice(0, 8)}"`),
  );
  const after = await series();
  assert.equal(after.has('kind="client",name="client"'), false);
  assert.ok(after.has(`kind="client",name="ada-${ada.fingerprint.slice(0, 8)}"`));
});

test('the file that the server reads has no secrets', async (t) => {
  const ground = await certificateGround(t);
  await ground.sync();
  const text = await readFile(ground.publicFile, 'utf8');
  assert.ok(text.includes('"name": "client"'));
  assert.equal(text.includes('PRIVATE'), false);
});
