import { setLogger } from '@grpc/grpc-js';
import type { Logger } from '../core/observer.ts';

/** grpc-js writes to the console by itself; what it says belongs among our lines, for those who ask for all. */
export function routeGrpcLog(logger: Logger): void {
  const debug = (...parts: unknown[]) => logger.debug('grpc-js', { says: parts.map(String).join(' ') });
  setLogger({ error: debug, info: debug, debug });
}
