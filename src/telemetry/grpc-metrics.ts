import { exponentialBuckets, Histogram, type Registry } from './prom-client.ts';
import type { GrpcMethod, Observer } from '../core/observer.ts';
import { Tallies, type Tally } from './tallies.ts';

/** As of HTTP requests, so that the two can be shown together. Seconds. */
export const durationBuckets = exponentialBuckets(0.001, 4, 12);

const labelNames = ['grpc_type', 'grpc_service', 'grpc_method', 'grpc_path'] as const;

type Labels = Record<(typeof labelNames)[number], string>;

/** What is counted of one method. A stream's series are there when it has had a message. */
interface CountedMethod {
  readonly labels: Labels;
  readonly started: Tally;
  received: Tally | undefined;
  sent: Tally | undefined;
  /** How its calls have ended. */
  readonly ends: Map<string, CountedEnd>;
}

interface CountedEnd {
  readonly labels: Labels & { readonly grpc_code: string };
  readonly handled: Tally;
}

/** The metrics of gRPC calls, by the names and labels that servers in other languages have for them. */
export function grpcMetrics(registry: Registry): Pick<Observer, 'grpcBegan' | 'grpcEnded' | 'grpcStreamed'> {
  const registers = [registry];
  const methods = new WeakMap<GrpcMethod, CountedMethod>();
  const started = new Tallies({
    name: 'grpc_server_started_total',
    help: 'How many gRPC calls came in?',
    labelNames,
    registers,
  });
  const handled = new Tallies({
    name: 'grpc_server_handled_total',
    help: 'How did gRPC calls end? `grpc_code` has the status.',
    labelNames: [...labelNames, 'grpc_code'],
    registers,
  });
  const received = new Tallies({
    name: 'grpc_server_msg_received_total',
    help: 'How many messages of streams came in?',
    labelNames,
    registers,
  });
  const sent = new Tallies({
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

  function counted(method: GrpcMethod): CountedMethod {
    const known = methods.get(method);
    if (known !== undefined) return known;
    const labels = {
      grpc_type: typeOf(method.definition),
      grpc_service: method.service,
      grpc_method: method.name,
      grpc_path: method.path,
    };
    const made = {
      labels,
      started: started.add(labels),
      received: undefined,
      sent: undefined,
      ends: new Map<string, CountedEnd>(),
    };
    methods.set(method, made);
    return made;
  }

  function endOf({ labels, ends }: CountedMethod, code: string): CountedEnd {
    const known = ends.get(code);
    if (known !== undefined) return known;
    const all = { ...labels, grpc_code: code };
    const made = { labels: all, handled: handled.add(all) };
    ends.set(code, made);
    return made;
  }

  return {
    grpcBegan(method) {
      counted(method).started.count++;
    },
    grpcEnded(method, code, took) {
      const end = endOf(counted(method), code);
      end.handled.count++;
      seconds.observe(end.labels, took);
    },
    grpcStreamed(method, direction) {
      const of = counted(method);
      if (direction === 'sent') (of.sent ??= sent.add(of.labels)).count++;
      else (of.received ??= received.add(of.labels)).count++;
    },
  };
}

function typeOf({ requestStream, responseStream }: GrpcMethod['definition']): string {
  if (requestStream) return responseStream ? 'bidi_stream' : 'client_stream';
  return responseStream ? 'server_stream' : 'unary';
}
