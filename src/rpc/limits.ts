/** Most bytes of blobs in one batch; advertised, so that clients make theirs fit. */
export const maxBatchBytes = 4 * 1024 * 1024 - 128 * 1024;

/**
 * Longest message taken. Clients send what is advertised with an envelope around it, and up to 4 MiB
 * in a Write; the rest is room for the digests of a batch of very small blobs.
 */
export const maxMessageBytes = 8 * 1024 * 1024;

/** gRPC clients that were not told otherwise take messages of 4 MiB. */
export const maxAnswerBytes = 4 * 1024 * 1024 - 16 * 1024;

/** Most bytes of contents that an action result is given back with; fewer where it is long itself. */
export const maxInlinedBytes = 2 * 1024 * 1024;

/** Calls at once on one connection. */
export const maxStreamsPerConnection = 1000;

/**
 * How much of a stream a client may send ahead of us: more than the default of 64 KiB, which is slow
 * over any distance, and little enough for a thousand streams at once.
 */
export const flowControlWindow = 1024 * 1024;

/**
 * Messages that wait in a stream, beside the one that is on its way, for a client that does not read or
 * a disk that is slow. Node's default is 16 whatever their size: a stalled Read would hold 17 MiB.
 */
export const waitingMessages = 1;
