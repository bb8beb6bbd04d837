import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';
import { maxMessageFields } from './limits.ts';

/** As much of a service's definition as this file needs. */
interface Definition {
  readonly methods: Record<string, { readonly requestType: RequestType }>;
}

interface RequestType {
  decode(bytes: Uint8Array): unknown;
}

/** The fields of a message that hold messages whose own fields count too. */
export interface CountedFields {
  readonly [field: number]: CountedFields;
}

const properties: CountedFields = { 1: {} };
const symlink: CountedFields = { 4: properties };

/** Where an UpdateActionResultRequest has lists: in the result within it, and within what that has. */
export const actionCacheFields: CountedFields = {
  3: { 2: { 7: properties }, 3: {}, 9: { 11: {} }, 10: symlink, 11: symlink, 12: symlink },
};

/**
 * The same service, whose requests are counted before they are decoded. Two bytes on the wire are an
 * element of a list, and an object once decoded: a message of them would hold up everybody for seconds.
 * `within` says where a request has lists that are not its own.
 */
export function withFewFields<D extends Definition>(definition: D, within: CountedFields = {}): D {
  const methods = Object.entries(definition.methods).map(([name, method]) => {
    const { requestType } = method;
    const decode = (bytes: Uint8Array) => {
      checkFields(bytes, within);
      return requestType.decode(bytes);
    };
    return [name, { ...method, requestType: { ...requestType, decode } }] as const;
  });
  return { ...definition, methods: Object.fromEntries(methods) };
}

/** Throws when there are too many; grpc-js answers INTERNAL to it, as to all that cannot be decoded. */
function checkFields(bytes: Uint8Array, within: CountedFields): void {
  const shortestField = 2;
  if (bytes.length <= maxMessageFields * shortestField) return;
  const reader = new BinaryReader(bytes);
  let count = 0;
  // As deep as `within` is, whatever the bytes say.
  const countTo = (end: number, counted: CountedFields) => {
    while (reader.pos < end) {
      if (count++ > maxMessageFields) throw new Error(`the message has more than ${maxMessageFields} fields`);
      const [field, type] = reader.tag();
      const inner = type === WireType.LengthDelimited ? counted[field] : undefined;
      if (inner === undefined) {
        reader.skip(type, field);
      } else {
        const length = reader.uint32();
        countTo(reader.pos + length, inner);
      }
    }
  };
  countTo(bytes.length, within);
}
