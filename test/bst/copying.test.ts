// A cache of BuildStream's own server, copied to Weir and back, as docs/copying.md tells it.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { promisify } from 'node:util';

import { type BstClient, bstClient } from '../support/bst.ts';
import { type ArtifactServer, startArtifactServer } from '../support/bst-artifact-server.ts';
import { assertOutcome, says } from '../support/bst-outcome.ts';
import { bstProject, pseudoRandomBytes } from '../support/bst-project.ts';
import { temporaryFolder } from '../support/bst-site.ts';
import {
  assertBlobsWhole,
  assertReferencesWhole,
  blobPath,
  damage,
  referencePath,
  references,
} from '../support/bst-volume.ts';
import { copied, copySite, startCopy } from '../support/cp.ts';
import { testWith } from '../support/real-parts.ts';

const behaviour = testWith('buildstream');

const elements = {
  app: {
    files: {
      'stream.bin': pseudoRandomBytes('copied', 3_000_000),
      'bin/run': { executable: '#!/bin/sh\necho copied\n' },
      'share/empty.txt': '',
      'share/link': { symlinkTo: 'empty.txt' },
    },
    buildDepends: ['base'],
  },
  base: { files: { 'share/base.txt': 'what it stands on\n' } },
};

interface OldCache {
  readonly folder: string;
  readonly project: string;
  readonly volume: string;
  readonly server: ArtifactServer;
  readonly builder: BstClient;
  readonly names: readonly string[];
}

/** A cache that BuildStream's own server has been pushed to, and still serves. */
async function oldCache(t: TestContext): Promise<OldCache> {
  const folder = await temporaryFolder(t);
  const project = await bstProject(join(folder, 'project'), elements);
  const volume = join(folder, 'old');
  await mkdir(volume);
  const flags = ['--enable-push', '--head-room-min', '1000000', '--head-room-max', '1000000'];
  const server = await startArtifactServer('reference', volume, flags);
  t.after(async () => void (await server.stop()));
  const builder = await bstClient(join(folder, 'builder'), project, [
    { url: `http://127.0.0.1:${server.port}`, push: true },
  ]);
  assertOutcome(await builder.run('build', 'app.bst'), 0, says.pushed);
  const names = await references(volume);
  assert.ok(names.length >= 2);
  return { folder, project, volume, server, builder, names };
}

/** Somebody with nothing gets all of it from this address. */
async function assertPulls({ folder, project }: OldCache, name: string, address: string): Promise<void> {
  const reader = await bstClient(join(folder, name), project, [{ url: `http://${address}` }]);
  assertOutcome(await reader.run('pull', '--deps', 'all', 'app.bst'), 0, says.pulled);
  const checkout = await reader.checkout('app.bst');
  const bytes = await readFile(join(checkout, 'stream.bin'));
  assert.ok(bytes.equals(Buffer.from(pseudoRandomBytes('copied', 3_000_000))));
}

behaviour('the directory of a bst-artifact-server, which goes on, is copied to Weir', async (t) => {
  const old = await oldCache(t);
  const to = await copySite(t);
  const report = await copied(t, 0, [old.volume, to.pushUrl]);
  assert.deepEqual(report.names, { copied: old.names.length, present: 0, skipped: 0, failed: 0 });
  assert.deepEqual(await references(to.weir.volume), old.names);
  for (const name of old.names) {
    const [there, here] = [referencePath(old.volume, name), referencePath(to.weir.volume, name)];
    assert.deepEqual(await readFile(here), await readFile(there));
  }
  await assertPulls(old, 'reader', to.weir.pullAddress);
});

behaviour('what a bst-artifact-server serves is copied by the names that bst shows', async (t) => {
  const old = await oldCache(t);
  const to = await copySite(t);
  const shown = await old.builder.run(
    'show',
    '--deps',
    'all',
    '--format',
    'shown %{name} %{full-key}',
    'app.bst',
  );
  const list = join(old.folder, 'names.txt');
  const lines = shown.output.split('\n').filter((line) => line.startsWith('shown '));
  assert.equal(lines.length, 2);
  // The words of docs/copying.md, with the name of this project.
  const edit = String.raw`s/\.bst / /; s|/|-|g; s|^\(.*\) |demo/\1/|`;
  const script = 'printf "%s\n" "$1" | sed "$2" > "$3"';
  const plain = lines.map((line) => line.slice('shown '.length)).join('\n');
  await promisify(execFile)('sh', ['-c', script, 'sh', plain, edit, list]);
  const from = `http://127.0.0.1:${old.server.port}`;
  const report = await copied(t, 0, [from, to.pushUrl, '--names-from', list]);
  assert.deepEqual(report.names, { copied: 2, present: 0, skipped: 0, failed: 0 });
  await assertPulls(old, 'reader', to.weir.pullAddress);
});

behaviour(
  'what a bst-artifact-server has damaged, and serves all the same, is skipped and told',
  async (t) => {
    const old = await oldCache(t);
    const to = await copySite(t);
    // One that is read in a batch, and one by itself.
    for (const text of ['what it stands on\n', pseudoRandomBytes('copied', 3_000_000)])
      await damage.corrupt(blobPath(old.volume, text));
    const report = await copied(t, 1, [`http://127.0.0.1:${old.server.port}`, to.pushUrl, ...old.names]);
    assert.deepEqual(report.names, { copied: 0, present: 0, skipped: old.names.length, failed: 0 });
    assert.deepEqual(await references(to.weir.volume), []);
  },
);

behaviour('Weir is copied to a bst-artifact-server, and to a directory that one serves', async (t) => {
  const old = await oldCache(t);
  const weir = await copySite(t);
  await copied(t, 0, [old.volume, weir.pushUrl]);
  const flags = ['--enable-push', '--head-room-min', '1000000', '--head-room-max', '1000000'];
  const [empty, folder] = [join(old.folder, 'empty'), join(old.folder, 'handed')];
  await mkdir(empty);
  const server = await startArtifactServer('reference', empty, flags);
  t.after(async () => void (await server.stop()));
  await copied(t, 0, [weir.weir.volume, `http://127.0.0.1:${server.port}`]);
  await assertPulls(old, 'of the server', `127.0.0.1:${server.port}`);

  const { code } = await startCopy(t, [weir.pullUrl, folder, ...old.names]).ended;
  assert.equal(code, 0);
  await assertBlobsWhole(folder);
  await assertReferencesWhole(folder);
  const handed = await startArtifactServer('reference', folder, []);
  t.after(async () => void (await handed.stop()));
  await assertPulls(old, 'of the directory', `127.0.0.1:${handed.port}`);
});
