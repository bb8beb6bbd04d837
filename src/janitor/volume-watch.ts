import type { Logger } from '../core/observer.ts';
import type { Volume } from '../store/volume.ts';

/** What the last look at the volume has shown. */
export interface VolumeState {
  /** It answers: reads can be served. */
  readonly answers: boolean;
  /** A file could be written: uploads can be taken. */
  readonly writable: boolean;
  /** Why not, for people; empty when all is well. */
  readonly reason: string;
}

/** Looks at the volume in the background, so that nobody who asks for its state has to wait for it. */
export interface VolumeWatch {
  state(): VolumeState;
  stop(): void;
}

/** While it is in order, and while it is not: uploads are taken again soon after it is. Milliseconds. */
const everyMs = { inOrder: 5000, notInOrder: 1000 };
/** A volume that takes longer than this hangs. */
const patienceMs = 10_000;

/** Begins to watch; the volume was in order a moment ago, when it was opened. */
export function startVolumeWatch(volume: Volume, logger: Logger): VolumeWatch {
  let state: VolumeState = { answers: true, writable: true, reason: '' };
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;

  function set(next: VolumeState): void {
    if (next.answers === state.answers && next.writable === state.writable) return;
    state = next;
    if (next.answers && next.writable) logger.info('the volume is in order again');
    else logger.error('the volume is not in order', { ...next });
  }

  async function look(): Promise<void> {
    const late = setTimeout(
      () => set({ answers: false, writable: false, reason: 'the volume does not answer' }),
      patienceMs,
    );
    try {
      set(await lookOnce(volume));
    } finally {
      clearTimeout(late);
    }
    if (stopped) return;
    const isInOrder = state.answers && state.writable;
    // A look that hangs is the only one: a hung mount must not eat all threads.
    timer = setTimeout(() => void look(), isInOrder ? everyMs.inOrder : everyMs.notInOrder).unref();
  }

  void look();
  return {
    state: () => state,
    stop() {
      stopped = true;
      clearTimeout(timer);
    },
  };
}

async function lookOnce(volume: Volume): Promise<VolumeState> {
  try {
    await volume.space.usage();
  } catch (error) {
    return { answers: false, writable: false, reason: sentence(error) };
  }
  try {
    await volume.checkWritable();
    return { answers: true, writable: true, reason: '' };
  } catch (error) {
    return { answers: true, writable: false, reason: sentence(error) };
  }
}

function sentence(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
