// Reads that ask for a part, and references that say nothing.
import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';

import { referencePath } from '../../support/bst-volume.ts';
import { downloadName, failure, putBatch, randomBlob, read } from '../../support/wire.ts';
import type { Denial } from './denial.ts';

export const readDenials: Denial[] = [
  {
    name: 'Read gives no more than read_limit',
    referenceFails: /990 bytes came/,
    async check({ push, pull }) {
      const blob = randomBlob(1000);
      await putBatch(push, [blob]);
      const data = await read(pull, downloadName(blob), 10n, 20n);
      assert.equal(data.length, 20, `${data.length} bytes came`);
      assert.deepEqual(data, Buffer.from(blob.data.subarray(10, 30)));
    },
  },
  {
    name: 'Read refuses a negative offset',
    referenceFails: /expected to fail, but it succeeded/,
    async check({ push, pull }) {
      const blob = randomBlob(1000);
      await putBatch(push, [blob]);
      assert.equal((await failure(read(pull, downloadName(blob), -5n))).status, 'OUT_OF_RANGE');
    },
  },
  {
    name: 'an empty reference file is a reference that is not there',
    referenceFails: /'UNKNOWN'/,
    async check({ pull, volume }) {
      const key = 'project/element/key';
      const path = referencePath(volume, key);
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, '');
      assert.equal(
        (await failure(pull.references.getReference({ instanceName: '', key }))).status,
        'NOT_FOUND',
      );
    },
  },
];
