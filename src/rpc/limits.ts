/** Most bytes of blobs in one batch; advertised, so that clients make theirs fit. */
export const maxBatchBytes = 4 * 1024 * 1024 - 128 * 1024;

/** gRPC clients that were not told otherwise take messages of 4 MiB. */
export const maxAnswerBytes = 4 * 1024 * 1024 - 16 * 1024;

/** Most bytes of contents that an action result is given back with; fewer where it is long itself. */
export const maxInlinedBytes = 2 * 1024 * 1024;
