/**
 * Longest message taken. Clients send what is advertised with an envelope around it, and up to 4 MiB
 * in a Write; the rest is room for the digests of a batch of very small blobs.
 */
export const maxMessageBytes = 8 * 1024 * 1024;

/** Calls under way at once on all listeners: each may have filled its stream's window of 64 KiB before anybody looks. */
export const mostCalls = 2048;

/** Of those, calls of one client. */
export const mostCallsOfOne = 1024;

/** Connections to one listener. */
export const mostConnections = 4096;

/** Of those, connections from one address. */
export const mostConnectionsOfOne = 1024;

/** Of all, connections that have not begun with HTTP/2 yet: one more, and the oldest is closed. */
export const mostUnfinishedConnections = 1024;

/** A message up to this size is taken whatever else is under way. Bytes. */
export const smallMessageBytes = 32 * 1024;

/** What the client of a call with such messages may send ahead. It is in the memory that each of them takes. Bytes. */
export const wideWindowBytes = 256 * 1024;

/** For longer messages that are arriving or being worked on. */
export const incomingMemory = { total: 32 * 1024 * 1024, share: 16 * 1024 * 1024, lanes: 4 };

/** While others wait for memory, whoever has some sends so many bytes in ten seconds, or has to give it back. */
export const pacedBytes = 16 * 1024;

/** For batches that are being read or on their way to a client. */
export const outgoingMemory = { total: 96 * 1024 * 1024, share: 48 * 1024 * 1024, lanes: 2 };

/** A batch on its way is its blobs, the message made of them, and what of it waits to be sent. */
export const copiesOfAnswer = 3;

/** Answers that wait in streams: beyond, those go first whose clients do not read. Bytes. */
export const mostUnsentBytes = 192 * 1024 * 1024;
