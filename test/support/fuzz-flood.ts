import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { seed, sized } from './promise-size.ts';

/** One kind of input. */
export interface Kind<T> {
  readonly name: string;
  /** How many there are in a long run. */
  readonly inputs: number;
  /** How many there are in a short run, where that is not a share of them. */
  readonly fewest?: number;
  readonly values: fc.Arbitrary<T>;
  /** Sends one, fails on what it must not lead to, and says what it led to. */
  send(value: T): Promise<string>;
}

/** How many inputs of each kind came to what. */
export type Tally = Record<string, number>;

/** What a short run has of a long one, and what it has of each kind at least. */
const shortShare = 250;
const usualFewest = 60;
/** Inputs under way at once. */
const lanes = 32;
/** Values are made so many at a time: the generators work in between, and hold up nothing for long. */
const batchSize = 500;

/** Sends all inputs of a kind, and resolves with what they led to; rejects with the first that led to something it must not. */
export async function flood<T>(kind: Kind<T>): Promise<Tally> {
  const { name, inputs, fewest = usualFewest, values } = kind;
  const wanted = sized({ short: Math.max(fewest, Math.ceil(inputs / shortShare)), long: inputs });
  const tally: Tally = {};
  for (let done = 0, batch = 0; done < wanted; batch++) {
    const numRuns = Math.min(batchSize, wanted - done);
    // Each kind and each batch its own values, the same for the same seed.
    const batchSeed = (seed ^ hashOf(name)) + batch;
    const batchValues = fc.sample(values, { seed: batchSeed, numRuns });
    const waiting = batchValues.values();
    const lane = async () => {
      for (const value of waiting) {
        const outcome = await kind.send(value).catch((error: unknown) => {
          throw new Error(`${name} (batch ${batch} of seed ${seed}): ${told(value)}`, { cause: error });
        });
        tally[outcome] = (tally[outcome] ?? 0) + 1;
      }
    };
    await Promise.all(Array.from({ length: lanes }, lane));
    done += batchValues.length;
  }
  return tally;
}

export function countOf(tally: Tally): number {
  return Object.values(tally).reduce((sum, count) => sum + count, 0);
}

/** Asks for something that is in order, again and again, while `work` is done; each has to be answered. */
export async function whileHealthy(ask: () => Promise<unknown>, work: () => Promise<void>): Promise<number> {
  let answered = 0;
  const ending = new AbortController();
  const asking = (async () => {
    while (!ending.signal.aborted) {
      await ask();
      answered++;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  })();
  // Its failure is thrown below, when the work is done.
  asking.catch(() => {});
  try {
    await work();
  } finally {
    ending.abort();
  }
  await asking;
  assert.ok(answered > 0);
  return answered;
}

function hashOf(text: string): number {
  let hash = 0;
  for (const character of text) hash = (Math.imul(hash, 31) + character.charCodeAt(0)) | 0;
  return hash & 0x3fffffff;
}

function told(value: unknown): string {
  const text = JSON.stringify(value, (_key, inner: unknown) =>
    typeof inner === 'bigint' ? `${inner}n` : Buffer.isBuffer(inner) ? inner.toString('base64') : inner,
  );
  return text.length > 2000 ? `${text.slice(0, 2000)}…` : text;
}
