// What a client counts by itself, to be compared with what the server's counters say.
import { type CallOptions, ClientError, type ClientMiddlewareCall, Status } from 'nice-grpc';

/** The counters that a client's own tally can be compared with: those that count what clients do, and nothing else. */
const countedByClients =
  /^(?:weir_(?:lookups|(?:received|sent)_bytes|http_requests|pushes|pushed_bytes|incomplete_pushes|upload_mismatches|refused_uploads|doubted_blobs|broken_promises|quarantined_blobs|cut)_total|weir_http_handling_seconds_count|grpc_server_(?:started|handled|msg_received|msg_sent)_total|grpc_server_handling_seconds_count)$/;

type Labels = Readonly<Record<string, string>>;

/** Sums by series. */
export class Tally {
  readonly #sums = new Map<string, number>();

  add(name: string, labels: Labels = {}, by = 1): void {
    const series = seriesOf(name, Object.entries(labels));
    this.#sums.set(series, (this.#sums.get(series) ?? 0) + by);
  }

  /** Series that are not 0, by name. */
  sums(): Record<string, number> {
    return sorted([...this.#sums]);
  }
}

/** By how much counters of the kind that clients know have grown between two scrapes; those that have not are left out. */
export function grown(before: string, after: string): Record<string, number> {
  const earlier = new Map(samplesOf(before));
  return sorted(samplesOf(after).map(([series, value]) => [series, value - (earlier.get(series) ?? 0)]));
}

function samplesOf(text: string): [series: string, value: number][] {
  return text.split('\n').flatMap((line): [string, number][] => {
    const [, name = '', , labels = '', value] = /^(\w+)(\{(.*)\})? (\S+)$/.exec(line) ?? [];
    if (!countedByClients.test(name)) return [];
    const pairs = [...labels.matchAll(/(\w+)="([^"]*)"/g)];
    return [
      [
        seriesOf(
          name,
          pairs.map(([, label = '', word = '']) => [label, word]),
        ),
        Number(value),
      ],
    ];
  });
}

function seriesOf(name: string, labels: readonly (readonly [string, string])[]): string {
  const pairs = labels.map(([label, word]) => `${label}="${word}"`).sort();
  return pairs.length === 0 ? name : `${name}{${pairs.join(',')}}`;
}

function sorted(sums: readonly (readonly [string, number])[]): Record<string, number> {
  return Object.fromEntries(
    sums.filter(([, sum]) => sum !== 0).sort(([one], [other]) => (one < other ? -1 : 1)),
  );
}

/** Counts calls as a client sees them: how many, how they ended, and the messages of their streams. */
export function talliedCalls(tally: Tally) {
  return async function* <Request, Response>(
    call: ClientMiddlewareCall<Request, Response>,
    options: CallOptions,
  ): AsyncGenerator<Response, Response | void, undefined> {
    const [, service = '', method = ''] = call.method.path.split('/');
    const direction = call.requestStream ? 'client_stream' : call.responseStream ? 'server_stream' : 'unary';
    const labels = {
      grpc_type: direction,
      grpc_service: service,
      grpc_method: method,
      grpc_path: call.method.path,
    };
    const messages = { sent: 0, received: 0 };
    const ended = (code: Status) => {
      const ending = { ...labels, grpc_code: Status[code] };
      tally.add('grpc_server_started_total', labels);
      tally.add('grpc_server_handled_total', ending);
      tally.add('grpc_server_handling_seconds_count', ending);
      // Of a call that is refused, no message is looked at.
      if (code !== Status.PERMISSION_DENIED)
        tally.add('grpc_server_msg_received_total', labels, messages.sent);
      tally.add('grpc_server_msg_sent_total', labels, messages.received);
    };
    try {
      const request = call.requestStream ? counted(call.request, () => messages.sent++) : call.request;
      let answer: Response | undefined;
      if (call.responseStream) {
        for await (const message of call.next(request, options)) {
          messages.received++;
          yield message;
        }
      } else {
        answer = yield* call.next(request, options);
      }
      ended(Status.OK);
      return answer;
    } catch (error) {
      if (error instanceof ClientError) ended(error.code);
      throw error;
    }
  };
}

async function* counted<T>(messages: AsyncIterable<T>, onOne: () => void): AsyncGenerator<T> {
  for await (const message of messages) {
    onOne();
    yield message;
  }
}
