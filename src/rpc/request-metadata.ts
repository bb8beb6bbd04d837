import type { Metadata } from 'nice-grpc-common';
import { type RequestDetails, requestMetadataHeader } from '../core/tool.ts';
import { RequestMetadata } from '../gen/build/bazel/remote/execution/v2/remote_execution.ts';

/** The name that the API gives the header, and the one that buildbox uses. */
const headers = [requestMetadataHeader, 'requestmetadata-bin'];
/** Clients send some 200 bytes. */
const mostBytes = 8 * 1024;
const mostCharacters = 100;

/** What a call says of the tool that makes it. Anything that cannot be read says nothing. */
export function requestDetails(metadata: Metadata): RequestDetails {
  const value = headers.map((name) => metadata.get(name)).find((found) => found !== undefined);
  if (!(value instanceof Uint8Array) || value.length === 0 || value.length > mostBytes) return {};
  try {
    return detailsOf(RequestMetadata.decode(value));
  } catch {
    return {};
  }
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
