/** How the object that node:zlib's streams stand on is told to go on: from where, and to where. Its streams make new memory for each piece. */
export type WriteArguments = [
  flush: number,
  from: Uint8Array,
  fromOffset: number,
  fromLength: number,
  to: Uint8Array,
  toOffset: number,
  toLength: number,
];
