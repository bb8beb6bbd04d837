// The commands by which people say who may push: issue, authorize, list, revoke.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { access, appendFile, readFile, readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { authorizeCertificate } from '../../src/certs/authorize-certificate.ts';
import { certs, listedNames as names, newFolder } from '../support/certs-command.ts';
import { newClient, newOpensslClient, newServerPair, type TestPairOptions } from '../support/certificates.ts';
import { findCommand, testWith } from '../support/real-parts.ts';

interface ListJson {
  clients: {
    name: string;
    sha256: string;
    expires: string;
    daysLeft: number;
    mayPush: string;
    file: string;
  }[];
  others: { kind: string; name: string; daysLeft: number }[];
  findings: { severity: string; file: string; line?: number; message: string }[];
}

async function list(folder: string, ...flags: string[]): Promise<{ code: number | null; json: ListJson }> {
  const { code, stdout } = await certs(folder, ['list', '--json', ...flags]);
  return { code, json: JSON.parse(stdout) as ListJson };
}

void test('`weir certs issue` makes a pair that is its user’s alone, and overwrites none', async (t) => {
  const folder = await newFolder(t);
  const made = await certs(folder, ['issue', 'ada', '--days', '10']);
  assert.equal(made.code, 0, made.stderr);
  assert.match(
    made.stdout,
    /^made ada\.key \(secret: it goes to ada alone\) and ada\.crt\n.*weir certs authorize ada\.crt/,
  );
  assert.equal((await stat(join(folder, 'certs', 'ada.key'))).mode & 0o777, 0o600);
  const certificate = new X509Certificate(await readFile(join(folder, 'certs', 'ada.crt')));
  assert.equal(certificate.subject, 'CN=ada');
  assert.equal(Math.round((Date.parse(certificate.validTo) - Date.now()) / 86_400_000), 10);
  assert.deepEqual(await names(folder), ['client']);

  const key = await readFile(join(folder, 'certs', 'ada.key'), 'utf8');
  const again = await certs(folder, ['issue', 'ada']);
  assert.equal(again.code, 1);
  assert.match(again.stderr, /ada\.key is there already and stays as it is/);
  assert.equal(await readFile(join(folder, 'certs', 'ada.key'), 'utf8'), key);
  // A certificate alone is not overwritten either, and no key is left beside it.
  await writeFile(join(folder, 'certs', 'bob.crt'), 'something');
  assert.equal((await certs(folder, ['issue', 'bob'])).code, 1);
  await assert.rejects(access(join(folder, 'certs', 'bob.key')), { code: 'ENOENT' });
  for (const name of ['../ada', '.ada', 'server']) {
    assert.equal((await certs(folder, ['issue', name])).code, 2, name);
  }
  for (const days of ['0', '1.5']) {
    assert.equal((await certs(folder, ['issue', 'eve', '--days', days])).code, 2, days);
  }
});

testWith('openssl')(
  'openssl takes an issued pair for a client’s, and its key for the certificate’s',
  async (t) => {
    const folder = await newFolder(t);
    assert.equal((await certs(folder, ['issue', 'ada', '--out', '.'])).code, 0);
    const openssl = (...args: string[]) =>
      execFileSync(findCommand('openssl') ?? 'openssl', args, {
        cwd: folder,
        encoding: 'utf8',
        stdio: 'pipe',
      });
    const verify = ['verify', '-x509_strict', '-purpose', 'sslclient', '-CAfile', 'ada.crt', 'ada.crt'];
    assert.match(openssl(...verify), /ada\.crt: OK/);
    const publicKey = openssl('pkey', '-in', 'ada.key', '-pubout');
    assert.equal(openssl('x509', '-in', 'ada.crt', '-noout', '-pubkey'), publicKey);
  },
);

void test('`issue --authorize` also puts the certificate on the list', async (t) => {
  const folder = await newFolder(t);
  const { code, stdout } = await certs(folder, ['issue', 'ada', '--authorize', '--json']);
  assert.equal(code, 0);
  assert.deepEqual(JSON.parse(stdout), {
    name: 'ada',
    keyFile: 'ada.key',
    certificateFile: 'ada.crt',
    authorized: 'authorized/ada.crt',
  });
  assert.deepEqual(await names(folder), ['client', 'ada']);
});

void test('`weir certs authorize` puts a certificate on the list once, from a file or standard input', async (t) => {
  const folder = await newFolder(t);
  const ada = await newClient(join(folder, 'users'), 'ada');
  const first = await certs(folder, ['authorize', 'users/ada.crt']);
  assert.equal(first.code, 0, first.stderr);
  assert.match(
    first.stdout,
    new RegExp(`^ada may push within seconds \\(authorized/ada\\.crt\\)\\nSHA-256 ${ada.fingerprint}`),
  );
  const again = await certs(folder, ['authorize', '-', '--name', 'other'], ada.certificatePem);
  assert.equal(again.code, 0);
  assert.match(again.stdout, /is on the list already, in authorized\/ada\.crt: nothing to do/);

  const bob = await newClient(join(folder, 'users'), 'bob');
  // What others have appended by hand may have no newline at its end.
  await appendFile(join(folder, 'certs', 'authorized.crt'), '# from here on: robots');
  assert.equal((await certs(folder, ['authorize', '-', '--append'], bob.certificatePem)).code, 0);
  assert.deepEqual(await names(folder), ['client', 'bob', 'ada']);
  assert.ok(
    (await readFile(join(folder, 'certs', 'authorized.crt'), 'utf8')).includes('# from here on: robots\n'),
  );

  const namesake = await newClient(join(folder, 'users'), 'ada2', { commonName: 'ada' });
  const taken = await certs(folder, ['authorize', namesake.certificateFile]);
  assert.equal(taken.code, 1);
  assert.match(taken.stderr, /authorized\/ada\.crt is there with another certificate .* by --name/);
  assert.equal(
    (await certs(folder, ['authorize', namesake.certificateFile, '--name', 'ada-laptop'])).code,
    0,
  );
  assert.deepEqual(await names(folder), ['client', 'bob', 'ada-laptop', 'ada']);
});

interface Bad {
  what: string;
  pair?: TestPairOptions;
  spoil?: (pem: string) => string;
  message: RegExp;
}

const bad: Bad[] = [
  {
    what: 'that is cut off',
    spoil: (pem) => pem.slice(0, 200),
    message: /is broken: .*no END line: it was cut off/,
  },
  {
    what: 'with letters missing',
    spoil: (pem) => pem.replace(/\n[A-Za-z]/, '\n'),
    message: /letters are missing/,
  },
  {
    what: 'that is a key',
    spoil: (pem) => pem.replaceAll('CERTIFICATE', 'PRIVATE KEY'),
    message: /private key, which only its owner/,
  },
  {
    what: 'that is a request',
    spoil: (pem) => pem.replaceAll('CERTIFICATE', 'CERTIFICATE REQUEST'),
    message: /holds a CERTIFICATE REQUEST and no/,
  },
  { what: 'that is no PEM', spoil: () => 'hello', message: /holds no PEM certificate/ },
  { what: 'with another one', spoil: (pem) => pem + pem, message: /holds 2 blocks/ },
  {
    what: 'that has expired',
    pair: { validity: 'expired' },
    message: /expired on \d{4}-\d\d-\d\d: its holder has to make a new pair/,
  },
  {
    what: 'with the subject of another and no key identifiers',
    pair: { commonName: 'client', identifiers: false },
    message: /subject of the one at authorized\.crt:1 and no key identifiers/,
  },
];

/** What somebody is told whose certificate is not put on the list. */
async function refusal(folder: string, text: string): Promise<string> {
  const asked = authorizeCertificate({ folder: join(folder, 'certs'), source: 'user.crt', text });
  return await asked.then(
    () => 'it was put on the list',
    (error: unknown) => String(error),
  );
}

for (const { what, pair, spoil, message } of bad) {
  void test(`a certificate ${what} is not put on the list, and nothing changes`, async (t) => {
    const folder = await newFolder(t);
    const { certificatePem } = await newClient(join(folder, 'users'), 'user', pair);
    const given = spoil?.(certificatePem) ?? certificatePem;
    assert.match(await refusal(folder, given), message);
    assert.deepEqual(await names(folder), ['client']);
    assert.equal((await readdir(join(folder, 'certs'))).includes('authorized'), false);
  });
}

void test('`weir certs authorize` says on standard error why it refuses, and ends with 1', async (t) => {
  const folder = await newFolder(t);
  const { code, stdout, stderr } = await certs(folder, ['authorize', '-'], 'hello');
  assert.deepEqual({ code, stdout }, { code: 1, stdout: '' });
  assert.match(stderr, /^error: standard input holds no PEM certificate/);
});

void test('a certificate of a server, or signed by nobody who is here, is not put on the list', async (t) => {
  const folder = await newFolder(t);
  const server = await newServerPair(join(folder, 'server'));
  assert.match(await refusal(folder, server.certificatePem), /is for another purpose/);
  const issuer = await newClient(join(folder, 'users'), 'issuer');
  const signed = await newClient(join(folder, 'users'), 'signed', { issuer });
  assert.match(
    await refusal(folder, signed.certificatePem),
    /is signed by CN=issuer, whose certificate is not here/,
  );
});

testWith('openssl')(
  'what BuildStream’s manual makes is put on the list, an authority’s certificate and a weak key are not',
  async (t) => {
    const folder = await newFolder(t);
    // It says CA:TRUE, by openssl's default.
    const manual = await newOpensslClient(join(folder, 'users'), 'manual');
    assert.equal(await refusal(folder, manual.certificatePem), 'it was put on the list');
    const make = (name: string, key: string, ...more: string[]) =>
      execFileSync(
        findCommand('openssl') ?? 'openssl',
        [
          'req',
          '-x509',
          '-newkey',
          key,
          '-nodes',
          '-days',
          '2',
          '-subj',
          `/CN=${name}`,
          '-keyout',
          `${name}.key`,
          '-out',
          `${name}.crt`,
          ...more,
        ],
        { cwd: folder, stdio: 'pipe' },
      );
    make('corp', 'rsa:2048', '-addext', 'keyUsage=critical,keyCertSign,cRLSign');
    const refused = async (file: string) => await refusal(folder, await readFile(join(folder, file), 'utf8'));
    assert.match(await refused('corp.crt'), /certificate of an authority .*authorities\/NAME\.crt/);
    make('weak', 'rsa:1024');
    assert.match(await refused('weak.crt'), /RSA key of 1024 bits, which is too weak/);
  },
);

void test('`weir certs list` shows who may push, for how long, and what; 3 when something is soon over or left out', async (t) => {
  const folder = await newFolder(t);
  await certs(folder, ['issue', 'ada', '--days', '20', '--authorize']);
  await writeFile(join(folder, 'certs', 'permissions'), 'ada push project/element main:*\nclient pull\n');
  const soon = await list(folder);
  assert.equal(soon.code, 3);
  assert.deepEqual(
    soon.json.clients.map(({ name, daysLeft, mayPush, file }) => ({ name, daysLeft, mayPush, file })),
    [
      { name: 'client', daysLeft: 3649, mayPush: 'nothing', file: 'authorized.crt' },
      { name: 'ada', daysLeft: 19, mayPush: 'project/element main:*', file: 'authorized/ada.crt' },
    ],
  );
  assert.deepEqual(
    soon.json.others.map(({ kind }) => kind),
    ['server'],
  );
  assert.equal((await list(folder, '--warn-days', '10')).code, 0);
  const shown = await certs(folder, ['list']);
  assert.match(
    shown.stdout,
    /^May push:\n.*\n +client +[0-9a-f]{16} .* nothing\n +ada .* 19 ! +project\/element main:\*\n/,
  );

  await writeFile(join(folder, 'certs', 'authorized', 'broken.crt'), '-----BEGIN CERTIFICATE-----\nAAAA\n');
  const broken = await list(folder, '--warn-days', '10');
  assert.equal(broken.code, 3);
  assert.match(broken.json.findings[0]?.message ?? '', /cut off/);
  assert.match(
    (await certs(folder, ['list'])).stdout,
    /Left out.*\nerror: authorized\/broken\.crt:1: left out/,
  );
});
