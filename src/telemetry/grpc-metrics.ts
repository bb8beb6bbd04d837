import { Counter, exponentialBuckets, Histogram, type Registry } from './prom-client.ts';
import type { GrpcMethod, Observer } from '../core/observer.ts';

/** As of HTTP requests, so that the two can be shown together. Seconds. */
export const durationBuckets = exponentialBuckets(0.001, 4, 12);

const labelNames = ['grpc_type', 'grpc_service', 'grpc_method', 'grpc_path'] as const;

type Labels = Record<(typeof labelNames)[number], string>;

/** The metrics of gRPC calls, by the names and labels that servers in other languages have for them. */
export function grpcMetrics(registry: Registry): Pick<Observer, 'grpcBegan' | 'grpcEnded' | 'grpcStreamed'> {
  const registers = [registry];
  const labelsOf = new WeakMap<GrpcMethod, Labels>();
  const started = new Counter({
    name: 'grpc_server_started_total',
    help: 'How many gRPC calls came in?',
    labelNames,
    registers,
  });
  const handled = new Counter({
    name: 'grpc_server_handled_total',
    help: 'How did gRPC calls end? `grpc_code` has the status.',
    labelNames: [...labelNames, 'grpc_code'],
    registers,
  });
  const received = new Counter({
    name: 'grpc_server_msg_received_total',
    help: 'How many messages of streams came in?',
    labelNames,
    registers,
  });
  const sent = new Counter({
    name: 'grpc_server_msg_sent_total',
    help: 'How many messages of streams went out?',
    labelNames,
    registers,
  });
  const seconds = new Histogram({
    name: 'grpc_server_handling_seconds',
    help: 'How long did gRPC calls take, from their headers to their status?',
    labelNames: [...labelNames, 'grpc_code'],
    buckets: durationBuckets,
    registers,
  });

  function labels(method: GrpcMethod): Labels {
    const known = labelsOf.get(method);
    if (known !== undefined) return known;
    const made = {
      grpc_type: typeOf(method.definition),
      grpc_service: method.service,
      grpc_method: method.name,
      grpc_path: method.path,
    };
    labelsOf.set(method, made);
    return made;
  }

  return {
    grpcBegan: (method) => started.inc(labels(method)),
    grpcEnded(method, code, took) {
      const all = { ...labels(method), grpc_code: code };
      handled.inc(all);
      seconds.observe(all, took);
    },
    grpcStreamed: (method, direction) => (direction === 'sent' ? sent : received).inc(labels(method)),
  };
}

function typeOf({ requestStream, responseStream }: GrpcMethod['definition']): string {
  if (requestStream) return responseStream ? 'bidi_stream' : 'client_stream';
  return responseStream ? 'server_stream' : 'unary';
}
