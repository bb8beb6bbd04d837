import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { blobName } from '../../src/core/digest.ts';
import { layoutOf } from '../../src/store/layout.ts';
import { scrubPass } from '../../src/store/scrubbing.ts';
import { randomBlob } from '../support/wire.ts';

const kibibyte = 1024;

void test('a small blob counts for what opening it costs, so that a rate of bytes is none of files', async () => {
  const root = await mkdtemp(join(tmpdir(), 'weir-scrubbing-'));
  const layout = layoutOf(root);
  for (let count = 0; count < 300; count++) {
    const { digest, data } = randomBlob(1);
    const path = layout.blob(blobName({ ...digest, digestFunction: 'sha256' }));
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, data);
  }
  const pass = scrubPass(layout, 0);
  const first = await pass.slice(1024 * kibibyte);
  await pass.end();
  await rm(root, { recursive: true });
  // Folders count too, so that fewer are looked at than would be of one folder.
  assert.ok(first.blobs > 0 && first.blobs <= 64, `${first.blobs} blobs`);
});
