import { batchReadWorks } from './batch-read.ts';
import { bazelJob } from './bazel-job.ts';
import { bstJobs } from './bst-jobs.ts';
import { casJob } from './cas-job.ts';
import { findMissingWorks } from './find-missing.ts';
import { manyBlobsWorks } from './many-blobs.ts';
import { readWorks } from './read.ts';
import { getReferenceWorks } from './reference.ts';
import { unaryWorks } from './unary.ts';
import { uploads } from './uploads.ts';
import type { Work } from './work.ts';

/** In the order of the report. */
export const allWorks: readonly Work[] = [
  ...unaryWorks,
  ...findMissingWorks,
  ...batchReadWorks,
  ...getReferenceWorks,
  ...uploads,
  ...readWorks,
  ...manyBlobsWorks,
  ...bstJobs,
  casJob,
  bazelJob,
];
