import assert from 'node:assert/strict';
import { statfs } from 'node:fs/promises';
import { describe, test } from 'node:test';
import { eventually } from '../support/eventually.ts';
import { scraped } from '../support/scraped.ts';
import { noSmallVolume, smallVolume } from '../support/small-volume.ts';
import { undoneAfter } from '../support/undone.ts';
import { startWeir } from '../support/weir.ts';
import { clientsAt, putBatch, randomBlob } from '../support/wire.ts';

const inodes = 3000;
const uploads = 4000;

describe('a volume with room for few files', { skip: noSmallVolume }, () => {
  test('takes more uploads than it can hold, because those go that were used longest ago', async (t) => {
    const volume = await smallVolume(64 * 1024 * 1024, inodes);
    const undone = undoneAfter(t);
    undone(() => volume.unmount());
    const weir = await startWeir({
      volume: volume.path,
      env: { LEASE_SECONDS: '0', HEAD_ROOM_MIN: '1e6', HEAD_ROOM_MAX: '1e6' },
    });
    undone(() => weir.stop());
    const clients = clientsAt(weir.pushAddress);
    undone(() => clients.close());
    const batch = 100;
    for (let count = 0; count < uploads; count += batch) {
      const blobs = Array.from({ length: batch }, () => randomBlob(10));
      // What was uploaded in the last two seconds cannot go yet, even here.
      await eventually(() =>
        putBatch(clients, blobs).then(
          () => true,
          () => false,
        ),
      );
      assert.ok((await statfs(volume.path)).ffree > 0);
    }
    assert.ok((await scraped(weir.opsUrl, 'weir_evicted_blobs_total')) > uploads - inodes);
    assert.ok((await scraped(weir.opsUrl, 'weir_eviction_passes_total')) > 0);
    assert.ok((await scraped(weir.opsUrl, 'weir_eviction_looked_files_total')) > 0);
    const moved = await scraped(weir.opsUrl, 'weir_eviction_moved_files_total');
    assert.ok(moved >= (await scraped(weir.opsUrl, 'weir_evicted_blobs_total')), `${moved} were moved`);
    assert.ok((await scraped(weir.opsUrl, 'weir_eviction_last_pass_timestamp_seconds')) > 1e9);
  });
});
