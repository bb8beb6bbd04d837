import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';
import { type RequestDetails, requestMetadataHeader } from '../core/tool.ts';
import { RequestMetadata, ToolDetails } from '../gen/build/bazel/remote/execution/v2/remote_execution.ts';
import type { RequestHeaders } from '../http2/request-headers.ts';

/** The name that buildbox gives the header; the API has the other. */
const otherHeader = 'requestmetadata-bin';
/** Clients send some 200 bytes. */
const mostEncoded = 11 * 1024;
const mostCharacters = 100;
/** RequestMetadata.tool_details. */
const toolDetails = 1;

/** What a call says of the tool that makes it. Anything that cannot be read says nothing. */
export function requestDetails(from: RequestHeaders): RequestDetails {
  return read(from, (message) => detailsOf(RequestMetadata.decode(message))) ?? {};
}

/** The name of the tool alone. Every call is counted by it, and few have their other details told. */
export function toolName(from: RequestHeaders): string | undefined {
  return read(from, nameIn);
}

function read<T>(from: RequestHeaders, decode: (message: Buffer) => T): T | undefined {
  const value = from[requestMetadataHeader] ?? from[otherHeader];
  // Base64, with or without its padding; where there are several, the first.
  const text = value?.split(',', 1)[0] ?? '';
  if (text === '' || text.length > mostEncoded) return undefined;
  try {
    return decode(Buffer.from(text, 'base64'));
  } catch {
    return undefined;
  }
}

/** Throws as decoding does for what is no message. */
function nameIn(message: Buffer): string | undefined {
  const reader = new BinaryReader(message);
  let name: string | undefined;
  while (reader.pos < reader.len) {
    const [field, type] = reader.tag();
    if (field === toolDetails && type === WireType.LengthDelimited)
      name = ToolDetails.decode(reader, reader.uint32()).toolName;
    else reader.skip(type, field);
  }
  return name === undefined ? undefined : plain(name);
}

function detailsOf(message: RequestMetadata): RequestDetails {
  const details = {
    tool: message.toolDetails?.toolName,
    toolVersion: message.toolDetails?.toolVersion,
    invocation: message.toolInvocationId,
    correlatedInvocations: message.correlatedInvocationsId,
    action: message.actionId,
    actionMnemonic: message.actionMnemonic,
    target: message.targetId,
  };
  return Object.fromEntries(
    Object.entries(details)
      .map(([name, text]) => [name, plain(text ?? '')] as const)
      .filter(([, text]) => text !== ''),
  );
}

/** Fit for a line of the log on a terminal. */
function plain(text: string): string {
  return text.slice(0, mostCharacters).replaceAll(/\p{C}/gu, '');
}
