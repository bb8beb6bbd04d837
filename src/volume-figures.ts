import type { VolumeFigures } from './core/status.ts';
import type { Space } from './store/space.ts';
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
    return {
      ...usage,
      headRoomBytes: space.headRoom(usage.totalBytes).min,
      quota: quotaFigures(space),
    };
  } finally {
    clearTimeout(timer);
  }
}

/** Undefined where there is no quota. Nothing is let in beyond it: of what seems to be more, only what is certain is told, as when it was lowered. */
export function quotaFigures({ quotaBytes, used }: Space): VolumeFigures['quota'] {
  if (quotaBytes === undefined) return undefined;
  const usedBytes = Math.max(used.atLeast(), Math.min(used.current(), quotaBytes));
  return { limitBytes: quotaBytes, usedBytes: Math.round(usedBytes) };
}
