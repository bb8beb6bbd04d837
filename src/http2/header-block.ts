import type { FrameHeader } from './frame-reader.ts';
import { maxHeaderBlock, maxHeaderFrames } from './limits.ts';
import { ConnectionError, errorCode, flag, frameType } from './protocol.ts';

/** A block of headers that is whole. */
export interface HeaderBlock {
  readonly streamId: number;
  readonly block: Buffer;
  readonly endStream: boolean;
}

const priorityBytes = 5;

/** Puts blocks of headers together that come in several frames, between which no others may be. */
export class HeaderBlocks {
  #streamId: number | undefined;
  #endStream = false;
  #parts: Buffer[] = [];
  #bytes = 0;

  /** Throws a ConnectionError where this frame may not come now. */
  expect({ type, streamId }: FrameHeader): void {
    const isExpected =
      type === frameType.continuation ? streamId === this.#streamId : this.#streamId === undefined;
    if (!isExpected)
      throw new ConnectionError(errorCode.protocolError, 'a frame comes between headers, or lacks them');
  }

  /** Takes a HEADERS or CONTINUATION frame; the block where that was its last. */
  take({ type, flags, streamId }: FrameHeader, payload: Buffer): HeaderBlock | undefined {
    const isFirst = type === frameType.headers;
    const part = isFirst ? withoutExtras(flags, payload) : payload;
    const endStream = isFirst ? (flags & flag.endStream) !== 0 : this.#endStream;
    const isLast = (flags & flag.endHeaders) !== 0;
    if (isFirst && isLast) return { streamId, block: part, endStream };
    this.#streamId = streamId;
    this.#endStream = endStream;
    this.#bytes += part.length;
    // The payload is ours for the time of this call only.
    this.#parts.push(Buffer.from(part));
    if (this.#bytes > maxHeaderBlock || this.#parts.length > maxHeaderFrames)
      throw new ConnectionError(errorCode.enhanceYourCalm, 'headers are too long, or in too many frames');
    if (!isLast) return undefined;
    const block = Buffer.concat(this.#parts, this.#bytes);
    this.#parts = [];
    this.#bytes = 0;
    this.#streamId = undefined;
    return { streamId, block, endStream };
  }
}

/** What is about the headers alone. */
function withoutExtras(flags: number, payload: Buffer): Buffer {
  const isPadded = (flags & flag.padded) !== 0;
  const start = (isPadded ? 1 : 0) + ((flags & flag.priority) === 0 ? 0 : priorityBytes);
  const end = payload.length - (isPadded ? (payload[0] ?? 0) : 0);
  if (start > end) throw new ConnectionError(errorCode.protocolError, 'a frame has more padding than bytes');
  return payload.subarray(start, end);
}
