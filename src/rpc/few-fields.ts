import { BinaryReader } from '@bufbuild/protobuf/wire';
import { maxMessageFields } from './limits.ts';

/** As much of a service's definition as this file needs. */
interface Definition {
  readonly methods: Record<string, { readonly requestType: RequestType }>;
}

interface RequestType {
  decode(bytes: Uint8Array): unknown;
}

/**
 * The same service, whose requests are counted before they are decoded. Two bytes on the wire are an
 * element of a list, and an object once decoded: a message of them would hold up everybody for seconds.
 */
export function withFewFields<D extends Definition>(definition: D): D {
  const methods = Object.entries(definition.methods).map(([name, method]) => {
    const { requestType } = method;
    const decode = (bytes: Uint8Array) => {
      checkFields(bytes);
      return requestType.decode(bytes);
    };
    return [name, { ...method, requestType: { ...requestType, decode } }] as const;
  });
  return { ...definition, methods: Object.fromEntries(methods) };
}

/** Throws when there are too many; grpc-js answers INTERNAL to it, as to all that cannot be decoded. */
function checkFields(bytes: Uint8Array): void {
  const shortestField = 2;
  if (bytes.length <= maxMessageFields * shortestField) return;
  const reader = new BinaryReader(bytes);
  for (let count = 0; reader.pos < bytes.length; count++) {
    if (count > maxMessageFields) throw new Error(`the message has more than ${maxMessageFields} fields`);
    const [field, type] = reader.tag();
    reader.skip(type, field);
  }
}
