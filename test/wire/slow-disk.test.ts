import assert from 'node:assert/strict';
import { failingCalls } from '../support/failing-calls.ts';
import { freshVolume, withServerOn } from '../support/on-volume.ts';
import { testWith } from '../support/real-parts.ts';
import { findMissing, putBatch, randomBlob } from '../support/wire.ts';

const count = 400;
/** Whatever the machine does, the disk is what is waited for. Microseconds. */
const slow = { fault: 'delay_enter=5000', when: '1+' } as const;

const blobPath = /cas\/objects\//;

testWith('strace')(
  'on a disk that makes calls wait, many files are read and looked at at once',
  async (t) => {
    const volume = await freshVolume(t);
    const blobs = Array.from({ length: count }, () => randomBlob(1000));
    await withServerOn(volume, {}, async (clients) => await putBatch(clients, blobs));
    // One that has nothing of them in memory.
    await withServerOn(volume, {}, async (clients, { pid }) => {
      const opened = await failingCalls(pid, ['openat'], { call: 'openat', ...slow }, blobPath);
      const { responses } = await clients.cas.batchReadBlobs({
        instanceName: '',
        digests: blobs.map(({ digest }) => digest),
        acceptableCompressors: [],
        digestFunction: 0,
      });
      const opens = await opened.end();
      assert.deepEqual(
        responses.map(({ data }) => Buffer.from(data)),
        blobs.map(({ data }) => Buffer.from(data)),
      );
      // One thread would have opened all of them, one after the other.
      assert.ok((opens.counts.get('openat') ?? 0) < count / 4, `${opens.counts.get('openat')} by one thread`);
    });
    await withServerOn(volume, {}, async (clients, { pid }) => {
      const looked = await failingCalls(pid, ['statx'], { call: 'statx', ...slow }, blobPath);
      const missing = await findMissing(
        clients,
        blobs.map(({ digest }) => digest),
      );
      const looks = await looked.end();
      assert.deepEqual(missing, []);
      assert.ok((looks.counts.get('statx') ?? 0) < count / 2, `${looks.counts.get('statx')} by one thread`);
    });
  },
);
