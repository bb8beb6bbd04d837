import { Status } from '../grpc/status.ts';
import { identityFields, type Logger, type Observer } from '../core/observer.ts';
import type { CallStatus } from '../grpc/call-status.ts';
import type { CallHooks, ServerCall } from '../grpc/server-call.ts';
import { type AllowedMethods, expectAllowed } from './allowed-methods.ts';
import { type CallContext, callContext } from './call-context.ts';
import { statusOfError } from './call-errors.ts';
import { addressHeader, type CallerRules } from './caller.ts';

/** What a listener does about each of its calls: who is it, may they, how did it end. */
export function callHooks(
  rules: CallerRules,
  allowed: AllowedMethods,
  observer: Observer,
  logger: Logger,
): CallHooks<CallContext> {
  const { listener } = rules;
  /** Kept for the line in the log, where there is one. */
  const contexts = new WeakMap<ServerCall, CallContext>();

  function log(call: ServerCall, { code, message }: CallStatus, seconds: number): void {
    const { caller } = contexts.get(call) ?? {};
    logger.debug('call', {
      method: call.method.path,
      listener,
      status: Status[code],
      seconds: Number(seconds.toFixed(6)),
      peer: call.headers[addressHeader] ?? call.peer,
      ...(caller?.identity && identityFields(caller.identity)),
      ...caller?.request(),
      ...(message && { message }),
    });
  }

  return {
    contextOf(call) {
      const context = callContext(call, rules);
      if (logger.debugs) contexts.set(call, context);
      expectAllowed(call.method, context.caller, allowed);
      return context;
    },
    statusOf: (error, call) => statusOfError(error, call.method.path, logger),
    began({ method }) {
      observer.callBegan(listener);
      observer.grpcBegan(method);
    },
    ended(call, status, seconds) {
      observer.callEnded(listener);
      observer.grpcEnded(call.method, Status[status.code], seconds);
      if (logger.debugs) log(call, status, seconds);
    },
    streamed: ({ method }, direction) => observer.grpcStreamed(method, direction),
  };
}
