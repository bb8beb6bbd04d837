import type { Socket } from 'node:net';
import { readAtOnce } from './limits.ts';

/** What a client's socket has of `onread`, which Node has as an option for sockets that connect, and not for those that are accepted. */
interface Accepted {
  readonly _handle: { useUserBuffer?: (memory: Uint8Array) => void } | null;
  [field: symbol]: unknown;
}

/**
 * Where all sockets of the process are read into. Node makes 64 KiB for each time that it reads, and V8, which counts that, looks through the
 * whole heap for each 30 MiB of it.
 */
const memory = Buffer.allocUnsafeSlow(readAtOnce);

/** Calls `take` with what comes, which is for the time of the call only: what is read next, from whatever socket, is where it was. */
export function eachRead(socket: Socket, take: (chunk: Buffer) => void): void {
  if (!readsInto(socket, memory, take)) socket.on('data', take);
  else socket.resume();
}

/** Does as Node does for `onread`. False where that cannot be done, or where something was read before. */
function readsInto(socket: Socket, into: Buffer, take: (chunk: Buffer) => void): boolean {
  const accepted = socket as unknown as Accepted;
  const fields = new Map(Object.getOwnPropertySymbols(accepted).map((field) => [field.description, field]));
  const buffer = fields.get('kBuffer');
  const callback = fields.get('kBufferCb');
  const handle = accepted._handle;
  if (buffer === undefined || callback === undefined || handle?.useUserBuffer === undefined) return false;
  if (socket.readableLength > 0) return false;
  accepted[buffer] = into;
  accepted[callback] = (bytes: number) => {
    take(into.subarray(0, bytes));
    return true;
  };
  handle.useUserBuffer(into);
  return true;
}
