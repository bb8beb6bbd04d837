import { ConnectionError, errorCode, maxWindow, setting } from './protocol.ts';

/** What of a client's settings makes a difference here; only what it has set. */
export interface PeerSettings {
  readonly initialWindowSize?: number;
  readonly maxFrameSize?: number;
}

const settingBytes = 6;

/** Reads the payload of a SETTINGS frame. Throws a ConnectionError for values that there are not. */
export function peerSettings(payload: Buffer): PeerSettings {
  if (payload.length % settingBytes !== 0)
    throw new ConnectionError(errorCode.frameSizeError, 'a frame of settings has a wrong length');
  const settings: { initialWindowSize?: number; maxFrameSize?: number } = {};
  for (let at = 0; at < payload.length; at += settingBytes) {
    const value = payload.readUInt32BE(at + 2);
    switch (payload.readUInt16BE(at)) {
      case setting.enablePush:
        expectBetween(value, 0, 1, errorCode.protocolError);
        break;
      case setting.initialWindowSize:
        expectBetween(value, 0, maxWindow, errorCode.flowControlError);
        settings.initialWindowSize = value;
        break;
      case setting.maxFrameSize:
        expectBetween(value, 16_384, 16_777_215, errorCode.protocolError);
        settings.maxFrameSize = value;
        break;
      // Its table of headers is not used, and the others are about what is not sent from here.
      default:
    }
  }
  return settings;
}

function expectBetween(value: number, least: number, most: number, code: number): void {
  if (value < least || value > most) throw new ConnectionError(code, `a setting has the value ${value}`);
}
