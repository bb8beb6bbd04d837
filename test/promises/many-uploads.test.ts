import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { eventually } from '../support/eventually.ts';
import { memoryOf, openDescriptors } from '../support/fuzz-process.ts';
import { figure, sized } from '../support/promise-size.ts';
import { floodWithUploads } from '../support/upload-flood.ts';
import { startWeir } from '../support/weir.ts';

const MiB = 1024 * 1024;
const { uploads, blobBytes, messageSizes } = sized({
  short: { uploads: 300, blobBytes: 2 * MiB, messageSizes: [2 * MiB] },
  long: { uploads: 1000, blobBytes: 4 * MiB, messageSizes: [MiB, 4 * MiB] },
});
const mostMemory = 512 * MiB;
const [ok, resourceExhausted] = [0, 8];
/** What a process opens for itself as it goes. */
const slack = 8;

describe('Many uploads at once', () => {
  for (const messageBytes of messageSizes) {
    test(`take bounded memory and leave nothing behind, in messages of ${messageBytes / MiB} MiB`, async (t) => {
      const weir = await startWeir({ tcp: true });
      try {
        const descriptors = await openDescriptors(weir.pid);
        const begun = performance.now();
        const ends = await floodWithUploads({
          address: weir.pushAddress,
          clients: 8,
          uploads,
          blobBytes,
          messageBytes,
        });
        const seconds = (performance.now() - begun) / 1000;
        await eventually(async () => (await openDescriptors(weir.pid)) <= descriptors + slack);
        const memory = await memoryOf(weir.pid, 'most');
        const left = await readdir(join(weir.volume, 'tmp'));
        figure(t, {
          uploads,
          messageBytes,
          seconds: Math.round(seconds),
          ends: Object.fromEntries(ends),
          mostMemoryMiB: Math.round(memory / MiB),
        });
        for (const status of ends.keys())
          assert.ok(status === ok || status === resourceExhausted, `${status}`);
        assert.ok((ends.get(ok) ?? 0) > 0);
        assert.deepEqual(left, []);
        assert.ok(memory < mostMemory, `it took ${Math.round(memory / MiB)} MiB`);
      } finally {
        await weir.stop();
      }
    });
  }
});
