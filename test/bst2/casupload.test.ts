// casupload and casdownload: folders of files by nothing but the hash of their root.
import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';

import { describeTree, pseudoRandomBytes, writeEntries } from '../support/bst-project.ts';
import { startSite, temporaryFolder } from '../support/bst-site.ts';
import { casDownload, casUpload } from '../support/buildbox.ts';
import { testWith } from '../support/real-parts.ts';

const behaviour = testWith('buildbox', 'nginx');
const mebibyte = 1024 * 1024;

behaviour('a folder is uploaded with a certificate and downloaded without one', async (t) => {
  const site = await startSite(t);
  const folder = await temporaryFolder(t);
  const original = join(folder, 'original');
  await writeEntries(original, {
    'large.bin': pseudoRandomBytes('large', 9 * mebibyte),
    'share/empty.txt': '',
    'share/link': { symlinkTo: 'empty.txt' },
    'bin/program': { executable: '#!/bin/sh\n' },
    'var/empty': { emptyFolder: true },
    ...Object.fromEntries(Array.from({ length: 300 }, (_, index) => [`many/${index}`, `${index}\n`])),
  });
  const { code, output, root } = await casUpload(original, site.push);
  assert.equal(code, 0, output);

  const copy = join(folder, 'copy');
  const downloaded = await casDownload(copy, root, site.pull);
  assert.equal(downloaded.code, 0, downloaded.output);
  assert.deepEqual(await describeTree(copy), await describeTree(original));
});

behaviour('uploading through the pull port fails with the sentence of the server', async (t) => {
  const site = await startSite(t);
  const folder = join(await temporaryFolder(t), 'original');
  await mkdir(folder);
  await writeEntries(folder, { 'a.txt': 'a\n' });
  const { code, output } = await casUpload(folder, site.pull);
  assert.notEqual(code, 0, output);
  assert.match(output, /this port is for pulling only/);
});
