// Digests in the bytes of messages, as all clients write them.

/** The fields of a Digest. */
export const hashTag = 0x0a;
const sizeTag = 0x10;
/** Sizes of at most so many bytes are no longer than a number can be, exactly. */
const mostSizeBytes = 7;
/** What each byte says in lower-case hex; -1 for those that it has not. */
const digits = Int8Array.from({ length: 256 }, (_, byte) =>
  '0123456789abcdef'.indexOf(String.fromCharCode(byte)),
);

/** Whether there is lower-case hex from there on; what it says goes to this part of `to`. */
export function takeHex(
  bytes: Buffer,
  begin: number,
  to: Uint8Array,
  toBegin: number,
  toEnd: number,
): boolean {
  // Less than nothing as soon as one of them is.
  let all = 0;
  let at = begin;
  for (let toAt = toBegin; toAt < toEnd; toAt++, at += 2) {
    const byte = ((digits[bytes[at] ?? 0] ?? -1) << 4) | (digits[bytes[at + 1] ?? 0] ?? -1);
    all |= byte;
    to[toAt] = byte;
  }
  return all >= 0;
}

/** Whether all of these bytes are lower-case hex. */
export function isHex(bytes: Buffer, begin: number, end: number): boolean {
  let all = 0;
  for (let at = begin; at < end; at++) all |= digits[bytes[at] ?? 0] ?? -1;
  return all >= 0;
}

/** The size that fills the rest of a digest; undefined where something else does. */
export function sizeAt(bytes: Buffer, tagAt: number, end: number): number | undefined {
  if (bytes[tagAt] !== sizeTag || end - tagAt - 1 > mostSizeBytes) return undefined;
  let size = 0;
  for (let [at, factor] = [tagAt + 1, 1]; at < end; at++, factor *= 0x80) {
    const byte = bytes[at] ?? 0;
    size += (byte & 0x7f) * factor;
    if (byte < 0x80) return at === end - 1 ? size : undefined;
  }
  return undefined;
}
