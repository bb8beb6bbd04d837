/**
 * Streams at once on one connection. Advertised: clients let the others wait, and those that do not are refused before
 * anything is made of their headers.
 */
export const maxConcurrentStreams = 128;

/** Longest payload of a frame that is taken. Advertised. DATA goes on as it comes; other frames are put together first. Bytes. */
export const maxFrameSize = 65_536;

/** What all streams of a connection may have sent and not been told of yet. It never waits for a stream's reader. Bytes. */
export const connectionWindow = 4 * 1024 * 1024;

/** Names and values of a request's headers, with 32 bytes for each (RFC 9113, 6.5.2). Advertised. Bytes. */
export const maxHeaderListSize = 32 * 1024;

/** Headers as they come, compressed. Beyond, the connection ends. Bytes. */
export const maxHeaderBlock = 128 * 1024;

/** Frames that one request's headers may come in. */
export const maxHeaderFrames = 64;

/** Answers to frames, and frames about streams, that wait for a client to read: beyond, nothing is read from it. Bytes. */
export const maxWaitingOutput = 1024 * 1024;

/** Bytes of answers that are handed to the socket at once; more when it has taken those. */
export const outputAtOnce = 256 * 1024;

/** What is read from a socket in one go. Bytes. */
export const readAtOnce = 64 * 1024;

/** Of one stream before it is another's turn. Bytes. */
export const sentInATurn = 64 * 1024;

/**
 * What only a hostile client does often: streams that it resets itself, settings, frames that say nothing. So many may come
 * at once, and so many in a second after that.
 */
export const nuisances = { burst: 1000, perSecond: 100 };
