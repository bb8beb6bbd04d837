import { batchRead } from './batch-read.ts';
import { findMissingWorks } from './find-missing.ts';
import { readLarge } from './read.ts';
import { unary } from './unary.ts';
import { uploads } from './uploads.ts';
import type { Work } from './work.ts';

/** In the order of the report. */
export const allWorks: readonly Work[] = [unary, ...findMissingWorks, batchRead, ...uploads, readLarge];
