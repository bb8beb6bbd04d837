// remotetool up and down, through nginx with certificates: blobs by stream and in batches, a folder, compressed or not.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { describeTree, pseudoRandomBytes } from '../support/bst-project.ts';
import { startSite, temporaryFolder } from '../support/bst-site.ts';
import { assertBlobsWhole, blobPath } from '../support/bst-volume.ts';
import { folderDigest } from '../support/folder-digest.ts';
import { testWith } from '../support/real-parts.ts';
import { remotetoolClient } from '../support/remotetool.ts';

const behaviour = testWith('remotetool', 'nginx');

const large = Buffer.alloc(5_000_000, 'compresses well ');
const small = 'one that fits a batch\n';

behaviour('a blob goes up with a certificate, and down without one', async (t) => {
  const { site, folder, pusher, reader } = await siteAndUsers(t);
  for (const [name, content] of [
    ['large', large],
    ['small', small],
    ['random', pseudoRandomBytes('random', 3_000_000)],
    ['empty', ''],
  ] as const) {
    const path = join(folder, name);
    await writeFile(path, content);
    succeeded(await pusher.run('upload_blob', `--path=${path}`));
    assert.deepEqual(await readFile(blobPath(site.volume, content)), Buffer.from(content));
    // Again: it is there already.
    succeeded(await pusher.run('upload_blob', `--path=${path}`));

    for (const user of [pusher, reader]) {
      succeeded(await user.run('download_blob', `--digest=${digestOf(content)}`, `--path=${path}.down`));
      assert.deepEqual(await readFile(`${path}.down`), Buffer.from(content), name);
    }
  }
});

behaviour('a folder goes up and comes down as it was, in every instance of the cache', async (t) => {
  const { folder, pusher, reader, site } = await siteAndUsers(t);
  const source = await sampleFolder(join(folder, 'source'));
  // The digest is only asked for to report a failure with.
  succeeded(await pusher.run('upload_blob_v2', `--path=${source}`, '--digest=-'));
  const root = await folderDigest(source);
  const other = await remotetoolClient(folder, site.pull, 'main/other');
  for (const [index, user] of [pusher, reader, other].entries()) {
    const target = join(folder, `target-${index}`);
    succeeded(await user.run('download_dir', `--digest=${root}`, `--path=${target}`));
    assert.deepEqual(await describeTree(target), await describeTree(source));
  }
});

behaviour('compressed blobs take fewer bytes, and are the same blobs', async (t) => {
  const { site, folder, pusher, reader } = await siteAndUsers(t);
  const files = { large, small: small.repeat(1000), another: 'another '.repeat(1000) };
  const path = (name: string) => join(folder, name);
  for (const [name, content] of Object.entries(files)) await writeFile(path(name), content);
  const { output } = succeeded(await pusher.compressed('upload', ...Object.keys(files).map(path)));
  assertSmaller(output);
  await assertBlobsWhole(site.volume);

  const wanted = Object.entries(files).flatMap(([name, content]) => [
    digestOf(content),
    path(`${name}.down`),
  ]);
  assertSmaller(succeeded(await reader.compressed('download', ...wanted)).output);
  for (const [name, content] of Object.entries(files)) {
    assert.deepEqual(await readFile(path(`${name}.down`)), Buffer.from(content));
    // Who does not compress sees the same.
    const plain = path(`${name}.plain`);
    succeeded(await reader.run('download_blob', `--digest=${digestOf(content)}`, `--path=${plain}`));
    assert.deepEqual(await readFile(plain), Buffer.from(content));
  }
});

behaviour('uploads through the pull port, or by a stranger, are refused with a sentence', async (t) => {
  const { site, folder, reader } = await siteAndUsers(t);
  const path = join(folder, 'small');
  await writeFile(path, small);
  const flags = [`--path=${path}`, `--digest=${digestOf(small)}`];
  refused(await reader.run('upload_blob', ...flags), /PermissionDenied desc = .*pulling only/);
  const stranger = await remotetoolClient(folder, site.pushAs(site.refused.stranger));
  refused(await stranger.run('upload_blob', ...flags), /Unauthenticated desc = .*not authorised to push/);
  refused(await reader.run('download_blob', ...flags), /NotFound/);
});

async function siteAndUsers(t: Parameters<typeof startSite>[0]) {
  const site = await startSite(t);
  const folder = await temporaryFolder(t);
  return {
    site,
    folder,
    pusher: await remotetoolClient(folder, site.push),
    reader: await remotetoolClient(folder, site.pull),
  };
}

async function sampleFolder(folder: string): Promise<string> {
  await mkdir(join(folder, 'deep', 'empty'), { recursive: true });
  await writeFile(join(folder, 'deep', 'large'), large);
  await writeFile(join(folder, 'deep', 'nothing'), '');
  await writeFile(join(folder, 'program'), '#!/bin/sh\n');
  await chmod(join(folder, 'program'), 0o755);
  for (let index = 0; index < 300; index++)
    await writeFile(join(folder, 'deep', `file-${index}`), `${index}\n`);
  return folder;
}

function digestOf(content: string | Uint8Array): string {
  return `${createHash('sha256').update(content).digest('hex')}/${Buffer.from(content).length}`;
}

type Outcome = Awaited<ReturnType<Awaited<ReturnType<typeof remotetoolClient>>['run']>>;

function succeeded(outcome: Outcome): Outcome {
  assert.equal(outcome.code, 0, `remotetool ended with ${outcome.code}:\n${outcome.output}`);
  return outcome;
}

function refused({ code, output }: Outcome, sentence: RegExp): void {
  assert.equal(code, 1, `remotetool ended with ${code}, not 1:\n${output}`);
  assert.ok(sentence.test(output), `${sentence} is not in:\n${output}`);
}

function assertSmaller(output: string): void {
  const [, contents = '', taken = ''] = /: (\d+) bytes took (\d+)$/m.exec(output) ?? [];
  assert.ok(Number(taken) > 0 && Number(taken) < Number(contents) / 10, output);
}
