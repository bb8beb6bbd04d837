// Our `bst-artifact-server`: the command line of the reference's, and a server that needs no proxy.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import { bstClient } from '../support/bst.ts';
import type { Remote } from '../support/bst.ts';
import { artifactServerCommand, startArtifactServer } from '../support/bst-artifact-server.ts';
import type { Implementation } from '../support/bst-artifact-server.ts';
import { assertOutcome, says } from '../support/bst-outcome.ts';
import { runBounded } from '../support/bst-process.ts';
import { bstProject } from '../support/bst-project.ts';
import { temporaryFolder } from '../support/bst-site.ts';
import { references } from '../support/bst-volume.ts';
import { authorize, newClient, newServerPair } from '../support/certificates.ts';
import type { TestPair } from '../support/certificates.ts';
import { testWith } from '../support/real-parts.ts';

const testWithReference = testWith('buildstream');

const usageErrors: [what: string, ...args: string[]][] = [
  ['without anything'],
  ['without a port', 'REPO'],
  ['without a repository', '--port', '0'],
  ['with a second repository', '--port', '0', 'REPO', 'other'],
  ['with two more', '--port', '0', 'REPO', 'other', 'third'],
  ['with a port that is no number', '--port', 'x', 'REPO'],
  ['with -p that is no number', '-p', '1.5', 'REPO'],
  ['with a port without a value', '--port'],
  ['with an unknown flag', '--port', '0', '--frobnicate', 'REPO'],
  ['with an unknown letter', '-z'],
  ['with a key file without a value', '--server-key'],
  ['with a head room that is no number', '--port', '0', '--head-room-min', 'much', 'REPO'],
  ['with a head room that is a fraction', '--port', '0', '--head-room-max', '1.5', 'REPO'],
  ['with a key and no certificate', '--port', '0', '--server-key', 'server.key', 'REPO'],
  ['with a certificate and no key', '--port', '0', '--server-cert', 'server.crt', 'REPO'],
  ['with clients and no key', '--port', '0', '--client-certs', 'authorized.crt', 'REPO'],
];

for (const [what, ...args] of usageErrors) {
  testWithReference(`${what} it ends with the code and the words of the reference command`, async (t) => {
    const folder = await temporaryFolder(t);
    const theirs = await runCommand('reference', folder, args);
    const ours = await runCommand('weir', folder, args);
    assert.ok([2, 255].includes(theirs.code), `the reference ended with ${theirs.code}`);
    assert.deepEqual(ours, theirs);
  });
}

testWithReference('it ends with 1 where a file cannot be read, as the reference command does', async (t) => {
  const folder = await temporaryFolder(t);
  const args = ['--port', '0', '--server-key', 'none.key', '--server-cert', 'none.crt', 'REPO'];
  assert.equal((await runCommand('reference', folder, args)).code, 1);
  const ours = await runCommand('weir', folder, args);
  assert.equal(ours.code, 1);
  assert.match(ours.output, /^ERROR: .*none\.(key|crt)/);
});

testWithReference(
  '--help names every flag that the reference command has, two of later versions, and two of ours',
  async (t) => {
    const folder = await temporaryFolder(t);
    const flags = async (implementation: Implementation): Promise<string[]> => {
      const [program, ...first] = artifactServerCommand(implementation);
      const outcome = await runBounded(program, [...first, '--help'], {
        cwd: folder,
        env: {},
        limit: 30_000,
      });
      assert.equal(outcome.code, 0);
      return [...new Set(outcome.output.match(/(?<=^ +(-p, )?)--[a-z-]+/gm))].sort();
    };
    const theirs = await flags('reference');
    assert.equal(theirs.length, 8);
    assert.deepEqual(
      await flags('weir'),
      [...theirs, '--durability', '--index-only', '--quota', '--workers'].sort(),
    );
  },
);

testWithReference(
  'it takes pushes over TLS from a listed client certificate, and gives to a second instance',
  async (t) => {
    const { pushServer, pullServer, push, pull, user, volume } = await startPair(t);
    const builder = await user('builder', [push]);
    assertOutcome(await builder.run('build', 'hello.bst'), 0, says.built, says.pushed);
    assertOutcome(await builder.run('push', 'hello.bst'), 0, says.alreadyCached, says.pushSkipped);
    assert.equal((await references(volume)).length, 1);
    const reader = await user('reader', [pull]);
    assertOutcome(await reader.run('pull', 'hello.bst'), 0, says.pulled);

    for (const server of [pushServer, pullServer]) {
      assert.deepEqual(await server.stop('SIGTERM'), { code: 0, signal: null });
    }
  },
);

testWithReference('it refuses a push without --enable-push, and says so', async (t) => {
  const { pull, user } = await startPair(t);
  const builder = await user('builder', [{ ...pull, push: true }]);
  const refused = says.remoteRefused('.*does not allow push');
  assertOutcome(await builder.run('build', 'hello.bst'), 0, refused, says.built);
});

testWithReference('it refuses who shows no certificate, or one that is not on the list', async (t) => {
  const { pushServer, push, user, stranger, serverCert } = await startPair(t);
  const refused: [name: string, remote: Remote][] = [
    ['anonymous', { url: push.url, serverCert, push: true }],
    ['stranger', remoteFor(pushServer.port, serverCert, stranger)],
  ];
  for (const [name, remote] of refused) {
    const bst = await user(name, [remote]);
    const sentence = says.remoteRefused('failed to connect to all addresses');
    assertOutcome(await bst.run('build', 'hello.bst'), 0, sentence, says.built);
    assertOutcome(await bst.run('push', 'hello.bst'), 255, says.noPushRemote);
  }
  // The server does work, for those who are on the list.
  assertOutcome(await (await user('admitted', [push])).run('build', 'hello.bst'), 0, says.pushed);
});

testWithReference('it lets in whose certificate is appended to the list while it runs', async (t) => {
  const { pushServer, user, stranger, certsDir, serverCert } = await startPair(t);
  const bst = await user('newcomer', [remoteFor(pushServer.port, serverCert, stranger)]);
  assertOutcome(await bst.run('build', 'hello.bst'), 0, says.remoteRefused(''));
  await authorize(certsDir, stranger);
  // It looks at its files every now and then.
  for (let tries = 0; tries < 60; tries += 1) {
    if ((await bst.run('push', 'hello.bst')).code === 0) return;
    await sleep(500);
  }
  assert.fail('the certificate was not taken over');
});

testWithReference(
  'it does not start beside another on the same port, as two of the reference would',
  async (t) => {
    const folder = await temporaryFolder(t);
    const first = await startArtifactServer('weir', join(folder, 'one'));
    t.after(() => first.stop());
    const second = await runCommand('weir', folder, ['--port', `${first.port}`, 'REPO']);
    assert.equal(second.code, 1);
    assert.match(second.output, /EADDRINUSE|in use/);

    const reference = await startArtifactServer('reference', join(folder, 'two'));
    t.after(() => reference.stop());
    const beside = await startArtifactServer('reference', join(folder, 'three'), [], reference.port);
    t.after(() => beside.stop());
  },
);

/** Runs the command to its end; its last line is the sentence for the user. */
async function runCommand(implementation: Implementation, folder: string, args: string[]) {
  const [program, ...first] = artifactServerCommand(implementation);
  const { code, output } = await runBounded(program, [...first, ...args], {
    cwd: folder,
    env: {},
    limit: 30_000,
  });
  return { code, output: output.trim().split('\n').at(-1) ?? '' };
}

/** Two instances on one repository, as BuildStream's documentation sets them up. */
async function startPair(t: TestContext) {
  const folder = await temporaryFolder(t);
  const certsDir = join(folder, 'certs');
  const server = await newServerPair(certsDir);
  const admitted = await newClient(folder, 'admitted', { commonName: 'client' });
  const stranger = await newClient(folder, 'stranger', { commonName: 'client' });
  await authorize(certsDir, admitted);

  const volume = join(folder, 'repository');
  const tls = ['--server-key', server.keyFile, '--server-cert', server.certificateFile];
  const clients = ['--client-certs', join(certsDir, 'authorized.crt'), '--enable-push'];
  const pullServer = await startArtifactServer('weir', volume, tls);
  t.after(() => pullServer.stop());
  const pushServer = await startArtifactServer('weir', volume, [...tls, ...clients]);
  t.after(() => pushServer.stop());

  const project = await bstProject(join(folder, 'project'), { hello: { files: { 'hello.txt': 'hello\n' } } });
  const serverCert = server.certificateFile;
  return {
    volume,
    certsDir,
    serverCert,
    stranger,
    pullServer,
    pushServer,
    push: remoteFor(pushServer.port, serverCert, admitted),
    pull: { url: `https://localhost:${pullServer.port}`, serverCert },
    user: (name: string, remotes: Remote[]) => bstClient(join(folder, name), project, remotes),
  };
}

function remoteFor(port: number, serverCert: string, client: TestPair): Remote {
  const { certificateFile: clientCert, keyFile: clientKey } = client;
  return { url: `https://localhost:${port}`, push: true, serverCert, clientCert, clientKey };
}
