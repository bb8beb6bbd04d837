import { Client, ChannelCredentials, type ClientDuplexStream, Metadata, status } from '@grpc/grpc-js';
import { HealthDefinition } from 'nice-grpc-server-health';
import { FetchDefinition, PushDefinition } from '../../src/gen/build/bazel/remote/asset/v1/remote_asset.ts';
import {
  ActionCacheDefinition,
  CapabilitiesDefinition,
  ContentAddressableStorageDefinition,
} from '../../src/gen/build/bazel/remote/execution/v2/remote_execution.ts';
import { ReferenceStorageDefinition } from '../../src/gen/buildstream/v2/buildstream.ts';
import { ByteStreamDefinition } from '../../src/gen/google/bytestream/bytestream.ts';
import type { Verdict } from './fuzz-verdict.ts';
import type { Clients } from './wire.ts';

/** `/service/Method` of everything that is served. */
export const allMethods: readonly string[] = [
  ActionCacheDefinition,
  ByteStreamDefinition,
  CapabilitiesDefinition,
  ContentAddressableStorageDefinition,
  FetchDefinition,
  HealthDefinition,
  PushDefinition,
  ReferenceStorageDefinition,
].flatMap(({ fullName, methods }) => Object.values(methods).map(({ name }) => `/${fullName}/${name}`));
/** How to make a raw call. */
export interface RawOptions {
  readonly metadata?: Record<string, string>;
  /** Hangs up after the first answer, or when this time is up; else a call that takes it hangs. */
  readonly hangUpMs?: number;
  /** Leaves the sending side open. */
  readonly open?: boolean;
}

/** A call that has no end by then hangs. */
const patienceMs = 120_000;
const identity = (bytes: Buffer) => bytes;

/** Sends bytes as the messages of a call, whatever kind of call the method wants. */
export async function rawCall(
  { channel }: Clients,
  method: string,
  messages: readonly Uint8Array[],
  options: RawOptions = {},
): Promise<Verdict & { answers: number }> {
  const client = new Client('unused', ChannelCredentials.createInsecure(), { channelOverride: channel });
  const metadata = new Metadata();
  for (const [name, value] of Object.entries(options.metadata ?? {})) metadata.set(name, value);
  const call = client.makeBidiStreamRequest(method, identity, identity, metadata, {
    deadline: Date.now() + patienceMs,
  });
  const ended = endOf(call, options.hangUpMs !== undefined);
  for (const message of messages) call.write(Buffer.from(message));
  if (options.open !== true) call.end();
  const timer =
    options.hangUpMs === undefined ? undefined : setTimeout(() => call.cancel(), options.hangUpMs);
  const end = await ended;
  clearTimeout(timer);
  return end;
}

async function endOf(
  call: ClientDuplexStream<Buffer, Buffer>,
  hangsUp: boolean,
): Promise<Verdict & { answers: number }> {
  let answers = 0;
  return await new Promise((resolve) => {
    call.on('data', () => {
      answers++;
      if (hangsUp) call.cancel();
    });
    call.on('error', () => {});
    call.on('status', ({ code, details }) => resolve({ status: status[code], message: details, answers }));
  });
}

/** A field that is a message, text or bytes, as it is on the wire. */
export function lengthDelimited(field: number, content: Uint8Array): Buffer {
  return Buffer.concat([varint((field << 3) | 2), varint(content.length), content]);
}

function varint(value: number): Buffer {
  const bytes = [];
  let rest = value;
  for (; rest > 0x7f; rest >>>= 7) bytes.push((rest & 0x7f) | 0x80);
  return Buffer.from([...bytes, rest]);
}
