import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { syncCertificates } from '../../src/certs/sync-certificates.ts';
import { newClient } from '../support/certificates.ts';
import type { TestPair } from '../support/certificates.ts';
import { admitted, assertWarning, fixture, hex, trusted } from './sync-fixture.ts';

function sha1({ certificatePem }: TestPair): string {
  return hex(new X509Certificate(certificatePem).fingerprint);
}

interface Case {
  what: string;
  /** Of three sound certificates, what the list is. */
  list: (one: string, two: string, three: string) => string;
  /** Which of them are in the end admitted. */
  sound: number[];
  findings?: [line: (one: string) => number | undefined, message: RegExp][];
}

const lineCount = (text: string) => text.split('\n').length - 1;
const firstLine = () => 1;
const afterOne = (one: string) => lineCount(one) + 1;

const lists: Case[] = [
  { what: 'three certificates', list: (a, b, c) => a + b + c, sound: [0, 1, 2] },
  { what: 'no newline between two', list: (a, b, c) => a.trimEnd() + b.trimEnd() + c, sound: [0, 1, 2] },
  { what: 'Windows line ends', list: (a, b) => (a + b).replaceAll('\n', '\r\n'), sound: [0, 1] },
  { what: 'a byte order mark', list: (a, b) => `\uFEFF${a}${b}`, sound: [0, 1] },
  { what: 'comments and blank lines', list: (a, b) => `# Ada\n\n${a}\n\n# Grace\n${b}`, sound: [0, 1] },
  { what: 'a certificate twice', list: (a, b) => a + b + a, sound: [0, 1] },
  { what: 'no last newline', list: (a, b) => (a + b).trimEnd(), sound: [0, 1] },
  {
    what: 'a certificate cut off in the middle',
    list: (a, b, c) => `${a}${b.slice(0, 200)}\n${c}`,
    sound: [0, 2],
    findings: [[afterOne, /^left out: this certificate has no END line: it was cut off; append it again$/]],
  },
  {
    what: 'a certificate cut off at the end',
    list: (a, b) => a + b.slice(0, -20),
    sound: [0],
    findings: [[afterOne, /no END line/]],
  },
  {
    what: 'a certificate without its start',
    list: (a, b) => a.slice(200) + b,
    sound: [1],
    findings: [[(one) => lineCount(one.slice(200)), /no BEGIN line/]],
  },
  {
    what: 'a letter lost in one',
    list: (a, b) => a.replace('MII', 'MI').replace(/\n(.)/, '\n') + b,
    sound: [1],
    findings: [[firstLine, /not base64|cannot be parsed/]],
  },
  {
    what: 'a certificate of zeros',
    list: (a) => `-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n${a}`,
    sound: [0],
    findings: [[firstLine, /cannot be parsed/]],
  },
  {
    what: 'an empty block',
    list: (a) => `-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n${a}`,
    sound: [0],
    findings: [[firstLine, /is empty/]],
  },
  {
    what: 'a block that ends as another',
    list: (a, b) => a.replace('END CERTIFICATE', 'END PUBLIC KEY') + b,
    sound: [1],
    findings: [[firstLine, /ends as PUBLIC KEY/]],
  },
  {
    what: 'a private key',
    list: (a) => `${a}-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n`,
    sound: [0],
    findings: [[afterOne, /a private key does not belong here/]],
  },
  {
    what: 'a request instead of a certificate',
    list: (a) => `-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n${a}`,
    sound: [0],
    findings: [[firstLine, /CERTIFICATE REQUEST is not a CERTIFICATE/]],
  },
  { what: 'no PEM at all', list: () => 'hello\n', sound: [], findings: [[() => undefined, /holds no PEM/]] },
  { what: 'nothing', list: () => '', sound: [] },
  { what: 'only a comment', list: () => '# nobody yet\n', sound: [] },
];

for (const { what, list, sound, findings = [] } of lists) {
  void test(`a list with ${what} gives nginx ${sound.length} certificate(s) it can load`, async (t) => {
    const at = await fixture(t);
    const pairs = [];
    for (const name of ['one', 'two', 'three']) pairs.push(await newClient(at.elsewhere, name));
    const [one = '', two = '', three = ''] = pairs.map(({ certificatePem }) => certificatePem);
    await writeFile(join(at.folder, 'authorized.crt'), list(one, two, three));
    const result = await syncCertificates(at);
    assert.equal(result.ready, true);
    const expected = pairs.filter((_, index) => sound.includes(index));
    assert.deepEqual(
      await admitted(at),
      expected.map((pair) => [sha1(pair), pair.fingerprint]),
    );
    // nginx refuses to start with an empty list: then it trusts one certificate that the map does not admit.
    const trust = await trusted(at);
    if (expected.length > 0)
      assert.deepEqual(
        trust,
        expected.map(({ fingerprint }) => fingerprint),
      );
    else assert.equal(trust.length, 1);
    assert.deepEqual(
      result.findings.map(({ line }) => line),
      findings.map(([line]) => line(one)),
    );
    for (const [index, [, message]] of findings.entries()) {
      assert.match(result.findings[index]?.message ?? '', message);
      assert.equal(result.findings[index]?.severity, 'error');
      assert.equal(result.findings[index]?.file, 'authorized.crt');
    }
  });
}

void test('files in authorized/ count too, and findings name them', async (t) => {
  const at = await fixture(t);
  const one = await newClient(at.elsewhere, 'one');
  const two = await newClient(at.elsewhere, 'two');
  await mkdir(join(at.folder, 'authorized'));
  await writeFile(join(at.folder, 'authorized.crt'), one.certificatePem);
  await writeFile(join(at.folder, 'authorized', 'two.crt'), two.certificatePem);
  await writeFile(join(at.folder, 'authorized', 'broken.crt'), two.certificatePem.slice(0, 100));
  await writeFile(join(at.folder, 'authorized', 'notes.txt'), 'not looked at');
  // Permissions go by names, and one that stands in two places has that of the first.
  await writeFile(join(at.folder, 'authorized', 'again.crt'), one.certificatePem);
  const { certificates, findings } = await syncCertificates(at);
  assert.deepEqual(
    (await admitted(at)).map(([, sha256]) => sha256),
    [one.fingerprint, two.fingerprint],
  );
  assert.deepEqual(
    certificates.map(({ name, file }) => `${name} ${file}`),
    ['one authorized.crt', 'two authorized/two.crt'],
  );
  assert.deepEqual(
    findings.map(({ file, line }) => ({ file, line })),
    [{ file: 'authorized/broken.crt', line: 1 }],
  );
});

void test('an expired certificate stays in the list, so that nginx can say why, and is reported', async (t) => {
  const at = await fixture(t);
  const pair = await newClient(at.elsewhere, 'late', { validity: 'expired' });
  await writeFile(join(at.folder, 'authorized.crt'), pair.certificatePem);
  const { findings } = await syncCertificates(at);
  assert.deepEqual(await trusted(at), [pair.fingerprint]);
  assertWarning(findings, /^CN=late expired on \d{4}-\d\d-\d\d: its holder can no longer push$/);
});

void test('equal subjects are reported where only key identifiers could tell them apart', async (t) => {
  const at = await fixture(t);
  const pairs = [];
  for (const name of ['one', 'two']) {
    pairs.push(await newClient(at.elsewhere, name, { commonName: 'client', identifiers: false }));
  }
  const list = join(at.folder, 'authorized.crt');
  await writeFile(list, pairs.map(({ certificatePem }) => certificatePem).join(''));
  const first = lineCount(pairs[0]?.certificatePem ?? '') + 1;
  const { findings } = await syncCertificates(at);
  assertWarning(findings, /will be refused: it has the subject of the certificate at authorized\.crt:1/);
  assert.equal(findings[0]?.line, first);

  await writeFile(list, pairs[0]?.certificatePem ?? '');
  assert.deepEqual((await syncCertificates(at)).findings, []);
});

void test('a certificate whose issuer is not listed is reported', async (t) => {
  const at = await fixture(t);
  const issuer = await newClient(at.elsewhere, 'authority');
  const pair = await newClient(at.elsewhere, 'user', { issuer });
  const list = join(at.folder, 'authorized.crt');
  await writeFile(list, pair.certificatePem);
  assertWarning((await syncCertificates(at)).findings, /its issuer \(CN=authority\) is not in the list/);
  await writeFile(list, pair.certificatePem + issuer.certificatePem);
  assert.deepEqual((await syncCertificates(at)).findings, []);
});
