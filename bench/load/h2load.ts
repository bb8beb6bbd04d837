// Calls whose request is always the same, by nghttp2's load generator: it sends more than any server here can answer.
import { execFile } from 'node:child_process';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { percentileOf } from '../statistics.ts';
import { grpcFrame } from './grpc-frame.ts';
import type { Load } from './load.ts';

const run = promisify(execFile);
const patienceMs = 300_000;

/** One call, and how many at once. */
export interface RepeatedCall {
  /** `/package.Service/Method`. */
  path: string;
  /** The encoded request. */
  request: Uint8Array;
  /**
   * Fewest bytes of a right answer. h2load takes a failed call for a success when its HTTP status is 200, as gRPC's
   * always is; a failed call has no such bytes.
   */
  replyBytes: number;
  connections: number;
  callsPerConnection: number;
  /** Whether to take the time of each call, too. */
  timesEach?: boolean;
}

/** Such calls to a server at this URL. The request is written to `file`, from which it is sent. */
export async function h2load(url: string, file: string, call: RepeatedCall): Promise<Load> {
  await writeFile(file, grpcFrame(call.request));
  const { connections, callsPerConnection, timesEach } = call;
  const log = timesEach === true ? `${file}.log` : undefined;
  return {
    fewest: connections * callsPerConnection,
    most: 1_000_000,
    async run(operations) {
      const args = [
        ['-n', `${operations}`],
        ['-c', `${connections}`],
        ['-m', `${callsPerConnection}`],
        ['-d', file],
        ['-H', 'content-type: application/grpc', '-H', 'te: trailers'],
        log === undefined ? [] : ['--log-file', log],
        [`${url}${call.path}`],
      ].flat();
      // It appends.
      if (log !== undefined) await rm(log, { force: true });
      const { stdout } = await run('h2load', args, { timeout: patienceMs });
      const seconds = judged(stdout, operations, call.replyBytes);
      return log === undefined ? { seconds } : { seconds, p99: p99Of(await readFile(log, 'utf8')) };
    },
  };
}

/** Seconds that it took, by what h2load prints. Throws where not every call was answered in full. */
export function judged(printed: string, operations: number, replyBytes: number): number {
  const [, succeeded] = /^requests: .* (\d+) succeeded/m.exec(printed) ?? [];
  const [, data] = /^traffic: .* \((\d+)\) data$/m.exec(printed) ?? [];
  const [, amount, unit = ''] = /^finished in ([\d.]+)(us|ms|s)\b/m.exec(printed) ?? [];
  const secondsIn: Record<string, number> = { us: 1e-6, ms: 1e-3, s: 1 };
  const seconds = Number(amount) * (secondsIn[unit] ?? Number.NaN);
  const isWhole = Number(succeeded) === operations && Number(data) >= operations * replyBytes;
  if (isWhole && seconds > 0) return seconds;
  throw new Error(`not all of ${operations} calls had an answer of ${replyBytes} bytes:\n${printed}`);
}

/** Seconds, from a log of h2load: a line for each call, in whose third column its microseconds are. */
export function p99Of(log: string): number {
  const took = log.split('\n').flatMap((line) => line.split('\t')[2] ?? []);
  return percentileOf(took.map(Number), 99) / 1e6;
}
