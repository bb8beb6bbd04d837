import type { FrameHeader } from './frame-reader.ts';
import { ConnectionError, errorCode } from './protocol.ts';

/** For a frame that this stream may not have, or not now. */
export function wrongStream({ type, streamId }: FrameHeader): ConnectionError {
  return new ConnectionError(
    errorCode.protocolError,
    `a frame of type ${type} may not be in stream ${streamId}`,
  );
}

/** Throws for a payload of another length. */
export function expectLength({ type, length }: FrameHeader, wanted: number): void {
  if (length !== wanted)
    throw new ConnectionError(errorCode.frameSizeError, `a frame of type ${type} has ${length} bytes`);
}
