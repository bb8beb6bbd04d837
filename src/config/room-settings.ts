import type { CleanedEnv } from 'envalid';
import { byteLimit, bytesByVolume } from './setting-kinds.ts';

/** How much room the cache takes. */
export const roomSettings = {
  QUOTA: byteLimit({
    default: 0,
    desc: 'Bytes on disk that the cache may take; `0`, `none` or `infinity` for no limit but the volume.',
  }),
  HEAD_ROOM_MIN: bytesByVolume({
    usually: '2e9, or a tenth of a volume below 20e9',
    desc: 'Free space that uploads leave on the volume.',
  }),
  HEAD_ROOM_MAX: bytesByVolume({
    usually: '10e9, or a fifth of a volume below 50e9',
    desc: 'Free space that there is after room was made.',
  }),
  BALLAST_BYTES: bytesByVolume({
    usually: '64 MiB, or a 128th of a volume below 8 GiB',
    desc: 'Size of a file that is given up when the volume is completely full; `0` for none.',
  }),
};

export function roomConfig(checked: CleanedEnv<typeof roomSettings>) {
  return {
    /** Undefined for no limit. */
    quotaBytes: checked.QUOTA || undefined,
    headRoomMin: checked.HEAD_ROOM_MIN,
    headRoomMax: checked.HEAD_ROOM_MAX,
    ballastBytes: checked.BALLAST_BYTES,
  };
}
