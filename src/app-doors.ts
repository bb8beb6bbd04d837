import type { AppOptions } from './app-options.ts';
import type { BlobIntakes } from './core/blob-intake.ts';
import type { Downloader } from './core/downloader.ts';
import type { Logger, Observer, Role } from './core/observer.ts';
import { callBounds } from './grpc/call-bounds.ts';
import type { CacheListener } from './http/cache-listener.ts';
import { codeOfRefusal } from './rpc/allowed-methods.ts';
import { type InPlace, type Listener, openListener } from './rpc/listener.ts';
import type { Volume } from './store/volume.ts';

/** What the doors of a server lead to. */
export interface DoorParts {
  readonly volume: Volume;
  readonly observer: Observer;
  readonly logger: Logger;
  /** Sees to it that an address is listened on. */
  readonly inPlace: InPlace;
}

/** The open listeners of a process. */
export interface Doors {
  readonly listeners: readonly { role: Role; port: number }[];
  readonly httpListeners: readonly { role: Role; port: number }[];
  /** Takes no new calls, and lets those under way end by themselves; what has not when the time is up is cut. */
  drain(): Promise<void>;
}

/** Opens all listeners, or none: rejects with the reason when an address cannot be had. */
export async function openDoors(options: AppOptions, parts: DoorParts): Promise<Doors> {
  const { volume, observer, logger, inPlace } = parts;
  const { blobs, intakes, references, assets, actions, values, trees, chunks } = volume;
  const { indexOnly } = options.volume;
  const stopping = new AbortController();
  const bounds = callBounds({
    streamIdleMs: options.streamIdleMs,
    share: 1 / options.workers,
    onCut: (cut) => observer.cut(cut),
    codeOfRefusal,
  });
  // An index has no place for what would be fetched.
  const downloader = indexOnly ? undefined : await downloaderOf(options, intakes, logger);
  const services = { blobs, references, assets, actions, trees, chunks, indexOnly, downloader };
  const listeners: Listener[] = [];
  const httpListeners: CacheListener[] = [];

  async function drain(): Promise<void> {
    stopping.abort();
    await drainAll([...listeners, ...httpListeners], options.drainMs, logger);
  }

  try {
    for (const listener of options.listeners)
      listeners.push(
        await openListener(listener, inPlace, {
          ...services,
          stopping: stopping.signal,
          bounds,
          observer,
          logger,
        }),
      );
    for (const listener of options.httpListeners) {
      const { openCacheListener } = await import('./http/cache-listener.ts');
      const served = { blobs, intakes, values, actions, indexOnly, observer, logger };
      httpListeners.push(await openCacheListener(listener, inPlace, served));
    }
  } catch (error) {
    await drain();
    throw error;
  }
  return {
    listeners: listeners.map(({ role, port }) => ({ role, port })),
    httpListeners: httpListeners.map(({ role, port }) => ({ role, port })),
    drain,
  };
}

/** Loaded only where the settings ask for it, as the HTTP protocol above is. */
async function downloaderOf(
  { fetch }: AppOptions,
  intakes: BlobIntakes,
  logger: Logger,
): Promise<Downloader | undefined> {
  if (fetch === undefined) return undefined;
  const { httpsDownloader } = await import('./fetch/https-downloader.ts');
  return httpsDownloader(fetch, intakes, logger);
}

async function drainAll(
  listeners: readonly Pick<Listener, 'drain' | 'cut'>[],
  patienceMs: number,
  logger: Logger,
): Promise<void> {
  const timer = setTimeout(() => {
    logger.warn('calls were still under way when the time to drain was up; they are cut', {
      seconds: patienceMs / 1000,
    });
    for (const listener of listeners) listener.cut();
  }, patienceMs);
  const results = await Promise.allSettled(listeners.map((listener) => listener.drain()));
  clearTimeout(timer);
  for (const result of results) {
    if (result.status === 'rejected')
      logger.warn('a listener did not stop in order', { error: String(result.reason) });
  }
}
