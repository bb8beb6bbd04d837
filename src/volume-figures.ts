import type { VolumeFigures } from './core/status.ts';
import type { Volume } from './store/volume.ts';

/** A volume that hangs must not hang the page, which is where people look then. Milliseconds. */
const volumePatienceMs = 2000;

/** Undefined when the volume fails or is silent. */
export async function volumeFigures({ space }: Volume): Promise<VolumeFigures | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), volumePatienceMs);
  });
  try {
    const usage = await Promise.race([space.usage().catch(() => undefined), late]);
    if (usage === undefined) return undefined;
    const { quotaBytes, used } = space;
    const quota = quotaBytes && { limitBytes: quotaBytes, usedBytes: Math.round(used.current()) };
    return { ...usage, headRoomBytes: space.headRoom(usage.totalBytes).min, quota: quota || undefined };
  } finally {
    clearTimeout(timer);
  }
}
