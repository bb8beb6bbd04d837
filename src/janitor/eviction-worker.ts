import { parentPort, workerData } from 'node:worker_threads';
import { abandonedRuns, emptyTrash, evict, type EvictionPlan } from '../store/eviction.ts';
import { layoutOf } from '../store/layout.ts';

/** What a worker is asked to do: a pass of eviction, or to finish what dead janitors have left in the trash. */
export interface EvictionTask {
  readonly root: string;
  readonly plan: EvictionPlan;
  readonly abandonedAfterMs: number;
}

// Walking a volume of millions of blobs would keep the event loop of the server busy for minutes.
if (parentPort !== null) {
  const { root, plan, abandonedAfterMs } = workerData as EvictionTask;
  const layout = layoutOf(root);
  for (const run of await abandonedRuns(layout, abandonedAfterMs, Date.now)) {
    await emptyTrash(layout, run, plan.evictAgeMs, Date.now);
  }
  parentPort.postMessage(await evict(layout, plan, Date.now));
}
