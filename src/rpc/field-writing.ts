// Fields of a message as they stand on the wire (protobuf's encoding), written where there is room for them already.

/** How many bytes a field of so many takes, with its tag of one byte and its length. */
export function fieldLength(length: number): number {
  return 1 + varintLength(length) + length;
}

/** Writes a tag and the number behind it; where the next byte goes. */
export function writeHead(bytes: Uint8Array, from: number, tag: number, number: number): number {
  let at = from;
  bytes[at++] = tag;
  let rest = number;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes[at++] = (rest % 0x80) | 0x80;
  bytes[at++] = rest;
  return at;
}

/** Bytes of a number, which is 0 or more and exact. */
export function varintLength(number: number): number {
  let length = 1;
  for (let rest = number; rest >= 0x80; rest = Math.floor(rest / 0x80)) length++;
  return length;
}
