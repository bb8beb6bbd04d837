import { findMissing, downloadName, read } from '../../test/support/wire.ts';
import { once } from '../load/load.ts';
import { numberedBlob } from '../load/numbered-blobs.ts';
import type { SequenceName } from '../load/sequence.ts';
import { sequences } from '../load/sequences.ts';
import { type Server, withClients } from '../servers/server.ts';
import { fillVolume } from './filled-volume.ts';
import type { SeriesName, Work } from './work.ts';

const bytes = 100;
const million = 1_000_000;
/** Of one question about all of them. */
const perQuestion = 10_000;
const connections = 4;

/** A volume of a million blobs: how long until it is of use, and what keeping it takes. */
const start: Work = {
  name: 'start-1000000',
  title: 'Start to the first of 1,000,000 blobs',
  unit: { name: 'run', perOperation: 1 },
  goals: { fastest: 10, fastestOf: ['bazel-remote'], memory: 200e6 },
  isLarge: true,
  async prepare(server, _, say) {
    await fillVolume(server, { count: million, bytes }, say);
    return {
      load: once(async () => {
        await server.start();
        await firstHit(server);
      }),
      renew: () => server.end(),
      check: () => askForAll(server, million),
    };
  },
};

/** The same calls about more and more blobs, each call about others. */
export const manyBlobsWorks: readonly Work[] = [
  start,
  ...[10_000, 100_000, million].flatMap((count) => [
    growing(count, 'find-missing', 'find-missing-blobs', 'FindMissingBlobs of 512'),
    growing(count, 'batch-read', 'batch-read-blobs', 'BatchReadBlobs of 500'),
  ]),
];

function growing(count: number, call: SequenceName, series: SeriesName, title: string): Work {
  return {
    name: `${call}-of-${count}`,
    title: `${title}, drawn from ${count.toLocaleString('en')}`,
    unit: { name: 'call', perOperation: 1 },
    goals: {},
    isLarge: true,
    series: { name: series, size: count },
    async prepare(server, _, say) {
      const stored = { count, bytes };
      await fillVolume(server, stored, say);
      const order = { address: server.address, name: call, stored, connections };
      // All requests are made before and kept in memory.
      return {
        load: sequences(order, { fewest: connections, most: 2000 }),
        check: () => askForAll(server, Math.min(count, perQuestion)),
      };
    },
  };
}

async function firstHit(server: Server): Promise<void> {
  const blob = numberedBlob(million - 1, bytes);
  const data = await withClients(server, (clients) => read(clients, downloadName(blob)));
  if (!data.equals(blob.data)) throw new Error('the bytes are not what is stored');
}

async function askForAll(server: Server, count: number): Promise<void> {
  await withClients(server, async (clients) => {
    for (let from = 0; from < count; from += perQuestion) {
      const digests = Array.from(
        { length: perQuestion },
        (_, index) => numberedBlob(from + index, bytes).digest,
      );
      const missing = await findMissing(clients, digests);
      if (missing.length > 0)
        throw new Error(`of ${perQuestion} blobs ${missing.length} are said to be missing`);
    }
  });
}
