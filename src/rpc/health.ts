import { once } from 'node:events';
import { ServerError, Status } from '../grpc/status.ts';
import {
  type HealthDefinition,
  HealthCheckResponse_ServingStatus as ServingStatus,
} from '../gen/grpc/health/v1/health.ts';
import type { Handlers } from '../grpc/service.ts';
import type { CallContext } from './call-context.ts';

/**
 * grpc.health.v1.Health about the server as a whole, which serves until `stopping` aborts. Written here because the one of
 * nice-grpc loads gRPC's client with it, a third of all that a worker loads.
 */
export function healthService(stopping: AbortSignal): Handlers<HealthDefinition, CallContext> {
  const ofServer = () => (stopping.aborted ? ServingStatus.NOT_SERVING : ServingStatus.SERVING);
  return {
    async check({ service }) {
      if (service !== '') throw new ServerError(Status.NOT_FOUND, `Unknown service: '${service}'`);
      return await Promise.resolve({ status: ofServer() });
    },
    async *watch({ service }, context) {
      context.abortOnTerminate();
      const known = service === '';
      yield { status: known ? ofServer() : ServingStatus.SERVICE_UNKNOWN };
      if (!stopping.aborted) {
        await once(stopping, 'abort', { signal: context.signal });
        if (known) yield { status: ofServer() };
      }
      // It has no end of its own.
      await once(context.signal, 'abort');
    },
  };
}
