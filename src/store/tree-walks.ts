import { type Slots, slots } from '../core/slots.ts';
import { beyond, treeBounds } from './tree-bounds.ts';

/** A walk through trees, with its place among those at once. */
export interface TreeWalk {
  /** Waits, with so many blobs seen, until there is room for a walk of this size. Rejects when it has taken too long. */
  expect(blobs: number): Promise<void>;
  end(): void;
}

/** Who waits for the walk: the server itself, or a client that takes one page after another. */
export type WalkPace = 'own' | 'of-client';

/** What is remembered of a tree is memory: the more of it a walk has seen, the fewer of its size go on at once. */
const steps = [
  { from: 0, atOnce: 64 },
  { from: 10_000, atOnce: 4 },
  { from: 200_000, atOnce: 1 },
];

interface Places {
  readonly from: number;
  readonly slots: Slots;
}

const places = (): Places[] => steps.map(({ from, atOnce }) => ({ from, slots: slots(atOnce) }));
/** A client that does not read its pages holds up nobody but others that read pages. */
const placesOf: Record<WalkPace, readonly Places[]> = { own: places(), 'of-client': places() };

/** Begins a walk, when there is room for one more. Rejects when the signal aborts first. */
export async function beginTreeWalk(pace: WalkPace, signal: AbortSignal | undefined): Promise<TreeWalk> {
  const ahead = [...placesOf[pace]];
  const releases: (() => void)[] = [];
  let begun = performance.now();

  async function expect(blobs: number): Promise<void> {
    if (pace === 'own' && performance.now() - begun > treeBounds.seconds * 1000)
      throw beyond(`more than ${treeBounds.seconds} seconds of work`);
    for (let next = ahead[0]; next !== undefined && blobs >= next.from; next = ahead[0]) {
      ahead.shift();
      const asked = performance.now();
      releases.push(await next.slots.take(signal));
      begun += performance.now() - asked;
    }
  }

  await expect(0);
  return {
    expect,
    end() {
      for (const release of releases.splice(0)) release();
    },
  };
}
