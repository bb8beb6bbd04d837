// The sidecar of certificates as the manifest has it: its command, its user and its mounts, on files as the kubelet
// lays them out.
import assert from 'node:assert/strict';
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';

import { newClient, newServerPair } from '../support/certificates.ts';
import { eventually } from '../support/eventually.ts';
import { containerOf } from '../support/kubernetes-objects.ts';
import { rendered } from '../support/kustomize.ts';
import { pod } from '../support/pod.ts';
import { testWith } from '../support/real-parts.ts';

const skip = process.getuid?.() === 0 ? false : 'needs root, to run containers as their users';

async function site(t: TestContext) {
  const objects = rendered('base');
  const folder = mkdtempSync(join(tmpdir(), 'weir-pod-files-'));
  t.after(() => rmSync(folder, { recursive: true }));
  await newServerPair(folder);
  const alice = await newClient(folder, 'alice');
  const bob = await newClient(folder, 'bob');
  const running = pod(t, objects);
  const files = (list: string) => {
    const name = join(folder, 'list.crt');
    writeFileSync(name, list);
    copyFileSync(name, join(folder, 'authorized.crt'));
    return {
      'server.crt': join(folder, 'server.crt'),
      'server.key': join(folder, 'server.key'),
      'authorized.crt': name,
    };
  };
  return { objects, alice, bob, running, files };
}

testWith('kubernetes-tools', 'bubblewrap')(
  'who is on the list changes without a restart, and nginx can read all that it needs',
  async (t) => {
    const { objects, alice, bob, running, files } = await site(t);
    running.project('certificates', files(alice.certificatePem));
    const { process: certs } = running.start('certs');
    const started = containerOf(objects, 'certs').startupProbe?.exec?.command ?? [];
    await eventually(() => running.exec('certs', started).status === 0);

    const admitted = () => running.exec('nginx', ['cat', '/run/weir-tls/current/fingerprints.map']).stdout;
    assert.ok(admitted().includes(alice.fingerprint), admitted());
    for (const name of ['server.crt', 'server.key', 'authorized.pem']) {
      assert.equal(running.exec('nginx', ['cat', `/run/weir-tls/current/${name}`]).stderr, '');
    }
    const known = running.exec('weir', ['cat', '/run/weir-certificates/public']);
    assert.ok(known.stdout.includes(alice.fingerprint), known.stderr);
    // Were weir ever to see that folder, the key would still be closed to it.
    assert.match(
      running.exec('nginx', ['cat', '/run/weir-tls/current/server.key'], 1000).stderr,
      /Permission denied/,
    );

    running.project('certificates', files(alice.certificatePem + bob.certificatePem));
    await eventually(() => admitted().includes(bob.fingerprint));
    running.project('certificates', files(bob.certificatePem));
    await eventually(() => !admitted().includes(alice.fingerprint));
    assert.ok(admitted().includes(bob.fingerprint));
    assert.deepEqual([certs.exitCode, certs.signalCode], [null, null]);
  },
  { skip },
);

testWith('kubernetes-tools', 'bubblewrap')(
  'without a server pair the pod waits, and it starts when there is one',
  async (t) => {
    const { objects, alice, running, files } = await site(t);
    const { 'authorized.crt': list, ...pair } = files(alice.certificatePem);
    running.project('certificates', { 'authorized.crt': list });
    const { output } = running.start('certs');
    await eventually(() => output().includes('not ready'));
    const started = containerOf(objects, 'certs').startupProbe?.exec?.command ?? [];
    assert.notEqual(running.exec('certs', started).status, 0);
    running.project('certificates', { ...pair, 'authorized.crt': list });
    await eventually(() => running.exec('certs', started).status === 0);
  },
  { skip },
);
