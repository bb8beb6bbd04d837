/** Decides where one blob is cut into chunks. It is fed the blob's bytes in order, in pieces of any length. */
export interface Chunker {
  /**
   * Takes the next bytes and gives the lengths of the chunks that are decided by now, in order; the
   * bytes of all of them have been taken. With the last byte of the blob the last length is given.
   */
  next(piece: Uint8Array): number[];
}
