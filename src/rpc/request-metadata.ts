import { type RequestDetails, requestMetadataHeader } from '../core/tool.ts';
import { RequestMetadata } from '../gen/build/bazel/remote/execution/v2/remote_execution.ts';
import type { RequestHeaders } from '../http2/request-headers.ts';

/** The name that the API gives the header, and the one that buildbox uses. */
const headers = [requestMetadataHeader, 'requestmetadata-bin'];
/** Clients send some 200 bytes. */
const mostEncoded = 11 * 1024;
const mostCharacters = 100;

/** What a call says of the tool that makes it. Anything that cannot be read says nothing. */
export function requestDetails(from: RequestHeaders): RequestDetails {
  const value = headers.map((name) => from[name]).find((found) => found !== undefined);
  // Base64, with or without its padding; where there are several, the first.
  const text = value?.split(',', 1)[0] ?? '';
  if (text === '' || text.length > mostEncoded) return {};
  try {
    return detailsOf(RequestMetadata.decode(Buffer.from(text, 'base64')));
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
