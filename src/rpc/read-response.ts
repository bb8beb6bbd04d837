import { hasHeadroom } from '../core/roomy-chunk.ts';
import type { ByteStreamDefinition, ReadResponse } from '../gen/google/bytestream/bytestream.ts';
import { prefixBytes } from '../grpc/message-frame.ts';
import { fieldLength, writeHead } from './field-writing.ts';

/** ReadResponse.data: field 10, length-delimited. */
const dataTag = (10 << 3) | 2;

/**
 * The same service, whose Read answers are encoded in place: the few bytes of the message go into the room
 * before the chunk, where the generated code would copy all of it twice into buffers of its own.
 */
export function withReadInPlace(definition: ByteStreamDefinition): ByteStreamDefinition {
  const { read } = definition.methods;
  const encodeWithRoom = (message: ReadResponse) => readResponseBytes(message.data);
  const responseType = { ...read.responseType, encodeWithRoom };
  return { ...definition, methods: { ...definition.methods, read: { ...read, responseType } } };
}

/** With room before it (MessageType.encodeWithRoom). */
function readResponseBytes(data: Uint8Array): Uint8Array {
  const header = data.length === 0 ? new Uint8Array() : headerOf(data.length);
  const hasRoom = hasHeadroom(data);
  const start = hasRoom ? data.byteOffset - header.length : prefixBytes;
  const buffer = hasRoom ? data.buffer : new ArrayBuffer(prefixBytes + header.length + data.length);
  const message = new Uint8Array(buffer, start, header.length + data.length);
  message.set(header);
  if (!hasRoom) message.set(data, header.length);
  return message;
}

/** What stands before the data. */
function headerOf(length: number): Uint8Array {
  const header = new Uint8Array(fieldLength(length) - length);
  writeHead(header, 0, dataTag, length);
  return header;
}
