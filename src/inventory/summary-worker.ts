import { parentPort, workerData } from 'node:worker_threads';
import type { StorageSummary } from '../core/status.ts';
import { layoutOf } from '../store/layout.ts';
import { measureByAge } from './age-usage.ts';
import { measureUsage, type UsageProgress } from './usage.ts';

/** What the thread is to look at. */
export interface SummaryTask {
  readonly root: string;
  /** Beyond so many blobs nothing is told by project: each takes some 24 bytes of memory. */
  readonly mostBlobs: number;
}

/** What it has added up, or why it has not. */
export type SummaryAnswer =
  | { readonly summary: Pick<StorageSummary, 'byAge' | 'byProject' | 'unreached'> }
  | { readonly failure: string };

/** Works for so long, and rests for so many times as long: it takes a tenth of a core, and of a disk. Milliseconds. */
const workMs = 20;
const restFactor = 9;
/** A small volume is added up without a rest: so many folders and blobs. */
const unrestedSteps = 5000;

/** Waits when it is time for that, and keeps its thread from everything meanwhile, which is what the thread is for. */
function rests(): () => void {
  const never = new Int32Array(new SharedArrayBuffer(4));
  let steps = 0;
  let begun = performance.now();
  return () => {
    if (++steps < unrestedSteps) return;
    const worked = performance.now() - begun;
    if (worked < workMs) return;
    Atomics.wait(never, 0, 0, Math.min(worked, 10 * workMs) * restFactor);
    begun = performance.now();
  };
}

async function addUp({ root, mostBlobs }: SummaryTask): Promise<SummaryAnswer> {
  const layout = layoutOf(root);
  const rest = rests();
  const ages = await measureByAge(layout, Date.now(), new AbortController().signal, rest);
  const byAge = ages.map(({ underMs, blobs, diskBytes }) => ({
    underMs: Number.isFinite(underMs) ? underMs : undefined,
    blobs,
    bytes: diskBytes,
  }));
  const count = byAge.reduce((sum, { blobs }) => sum + blobs, 0);
  if (count > mostBlobs) return { summary: { byAge, byProject: undefined, unreached: undefined } };
  const tooMany = new AbortController();
  const onProgress = ({ blobs }: UsageProgress) => {
    // Records may lead to more blobs than are here; or they come while we count.
    if (blobs > 2 * mostBlobs) tooMany.abort();
    rest();
  };
  try {
    const { groups, unreached } = await measureUsage(layout, 'project', tooMany.signal, onProgress);
    const byProject = groups.map(({ name, records, recordDiskBytes, reachable, own }) => ({
      name,
      records,
      blobs: reachable.blobs,
      bytes: reachable.diskBytes + recordDiskBytes,
      ownBytes: own.diskBytes + recordDiskBytes,
    }));
    return {
      summary: { byAge, byProject, unreached: { blobs: unreached.blobs, bytes: unreached.diskBytes } },
    };
  } catch (error) {
    if (!tooMany.signal.aborted) throw error;
    return { summary: { byAge, byProject: undefined, unreached: undefined } };
  }
}

if (parentPort !== null) {
  const port = parentPort;
  addUp(workerData as SummaryTask).then(
    (answer) => port.postMessage(answer),
    (error: unknown) => port.postMessage({ failure: messageOf(error) } satisfies SummaryAnswer),
  );
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
