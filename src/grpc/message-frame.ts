import type { MethodDefinition } from './service.ts';

/** Before each message: whether it is compressed, and its length. */
export const prefixBytes = 5;

/** A message as it goes over the wire. */
export function framed({ responseType }: MethodDefinition, answer: unknown): Uint8Array {
  const withRoom = responseType.encodeWithRoom?.(answer);
  const message = withRoom ?? responseType.encode(answer).finish();
  const frame =
    withRoom === undefined
      ? Buffer.allocUnsafe(prefixBytes + message.length)
      : Buffer.from(withRoom.buffer, withRoom.byteOffset - prefixBytes, prefixBytes + message.length);
  frame[0] = 0;
  frame.writeUInt32BE(message.length, 1);
  if (withRoom === undefined) frame.set(message, prefixBytes);
  return frame;
}
