import { ChunkingFunction_Value } from '../gen/build/bazel/remote/execution/v2/remote_execution.ts';
import { CacheError } from './cache-error.ts';
import type { Chunker } from './chunker.ts';
import { FastCdc, type FastCdcParams } from './fast-cdc.ts';
import { RepMaxCdc, type RepMaxCdcParams } from './rep-max-cdc.ts';

/** The functions that this server cuts with. */
export type OfferedFunction = 'fast-cdc-2020' | 'rep-max-cdc';

/** How a blob is cut into chunks; `unknown` where somebody else has cut it, by a rule of their own. */
export type ChunkingFunction = OfferedFunction | 'unknown';

/** What the API recommends; advertised, so that everybody who uses this cache cuts alike. */
export const fastCdcParams: FastCdcParams = { avgChunkSizeBytes: 512 * 1024, seed: 0 };
export const repMaxCdcParams: RepMaxCdcParams = {
  minChunkSizeBytes: 256 * 1024,
  horizonSizeBytes: 8 * 256 * 1024,
};

interface Facts {
  readonly value: ChunkingFunction_Value;
  /** Names the function and its parameters: chunks by other parameters are other chunks. */
  readonly id: string;
  /** A blob of no more bytes is one chunk, whatever they are. */
  readonly neverCutBytes: number;
  /** No chunk is shorter, but for the last. */
  readonly leastChunkBytes: number;
}

const facts: Record<ChunkingFunction, Facts> = {
  'fast-cdc-2020': {
    value: ChunkingFunction_Value.FAST_CDC_2020,
    id: `fast-cdc-2020-${fastCdcParams.avgChunkSizeBytes}-${fastCdcParams.seed}`,
    neverCutBytes: fastCdcParams.avgChunkSizeBytes / 4,
    leastChunkBytes: fastCdcParams.avgChunkSizeBytes / 4,
  },
  'rep-max-cdc': {
    value: ChunkingFunction_Value.REP_MAX_CDC,
    id: `rep-max-cdc-${repMaxCdcParams.minChunkSizeBytes}-${repMaxCdcParams.horizonSizeBytes}`,
    neverCutBytes: 2 * repMaxCdcParams.minChunkSizeBytes - 1,
    leastChunkBytes: repMaxCdcParams.minChunkSizeBytes,
  },
  unknown: { value: ChunkingFunction_Value.UNKNOWN, id: 'unknown', neverCutBytes: 0, leastChunkBytes: 1 },
};

/** All, the one that the server prefers first. */
export const chunkingFunctions = Object.keys(facts) as readonly ChunkingFunction[];

/** Facts about a function. */
export function chunkingFacts(chunkingFunction: ChunkingFunction): Facts {
  return facts[chunkingFunction];
}

/** Throws 'invalid-argument' for one that is not offered. */
export function parseChunkingFunction(value: ChunkingFunction_Value): ChunkingFunction {
  const named = chunkingFunctions.find((candidate) => facts[candidate].value === value);
  if (named !== undefined) return named;
  throw new CacheError(
    'invalid-argument',
    `chunking function ${value} is not offered; there are UNKNOWN (0), FAST_CDC_2020 (1) and REP_MAX_CDC (2)`,
  );
}

/** Cuts one blob of so many bytes, with the parameters that are advertised. */
export function newChunker(chunkingFunction: OfferedFunction, sizeBytes: number): Chunker {
  return chunkingFunction === 'fast-cdc-2020'
    ? new FastCdc(sizeBytes, fastCdcParams)
    : new RepMaxCdc(sizeBytes, repMaxCdcParams);
}
