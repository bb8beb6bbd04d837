import { type Doors, openDoors } from './app-doors.ts';
import { openKeeper } from './app-keeper.ts';
import type { App, AppOptions } from './app-options.ts';
import type { Logger } from './core/observer.ts';
import { listenInPlace } from './grpc/socket-file.ts';

/** For calls that were cut to put their files away. */
const tidyMs = 5000;

/** A server in one process: opens the volume, then the doors. Rejects with what to do about it when something cannot be had. */
export async function startApp(options: AppOptions, logger: Logger): Promise<App> {
  const keeper = await openKeeper(options, logger);
  const { volume, observer } = keeper;
  let doors: Doors | undefined;
  let opsPort: number | undefined;

  async function stop(): Promise<void> {
    const yielded = keeper.yield();
    await doors?.drain();
    await keeper.callsEnded(tidyMs);
    await yielded;
    await keeper.close();
  }

  try {
    doors = await openDoors(options, { volume, observer, logger, inPlace: listenInPlace });
    keeper.begin();
    opsPort = await keeper.openOps();
  } catch (error) {
    await stop();
    throw error;
  }
  const { listeners, httpListeners } = doors;
  // What it cannot go on without ends the process.
  const failed = new Promise<string>(() => {});
  return { listeners, httpListeners, opsPort, failed, stop };
}
