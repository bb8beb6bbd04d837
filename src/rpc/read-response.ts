import { chunkHeadroom } from '../core/blob-store.ts';
import type { ByteStreamDefinition, ReadResponse } from '../gen/google/bytestream/bytestream.ts';

/** ReadResponse.data: field 10, length-delimited. */
const dataTag = (10 << 3) | 2;

/**
 * The same service, whose Read answers are encoded in place: the few bytes of the message go into the room
 * before the chunk, where the generated code would copy all of it twice into buffers of its own.
 */
export function withReadInPlace(definition: ByteStreamDefinition): ByteStreamDefinition {
  const { read } = definition.methods;
  const encode = (message: ReadResponse) => ({ finish: () => readResponseBytes(message.data) });
  // Of a writer, only finish() is ever called here.
  const responseType = { ...read.responseType, encode } as unknown as typeof read.responseType;
  return { ...definition, methods: { ...definition.methods, read: { ...read, responseType } } };
}

function readResponseBytes(data: Uint8Array): Buffer {
  if (data.length === 0) return Buffer.alloc(0);
  const header = headerOf(data.length);
  if (!hasHeadroom(data)) return Buffer.concat([header, data]);
  const message = Buffer.from(data.buffer, data.byteOffset - header.length, header.length + data.length);
  message.set(header);
  return message;
}

/** Whether the bytes before it are nobody's: part of a larger buffer has neighbours. */
function hasHeadroom({ buffer, byteOffset, length }: Uint8Array): boolean {
  return byteOffset === chunkHeadroom && buffer.byteLength === chunkHeadroom + length;
}

/** The tag and the length as a varint. */
function headerOf(length: number): Uint8Array {
  const bytes = [dataTag];
  for (let rest = length; ; rest >>>= 7) {
    if (rest < 0x80) return Uint8Array.from([...bytes, rest]);
    bytes.push((rest & 0x7f) | 0x80);
  }
}
