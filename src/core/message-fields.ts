import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';

/** A message of the longest size has about so many digests, each a field. */
export const maxMessageFields = 128 * 1024;

/** The fields of a message that hold messages whose own fields count too. */
export interface CountedFields {
  readonly [field: number]: CountedFields;
}

const properties: CountedFields = { 1: {} };
const symlink: CountedFields = { 4: properties };

/** Where an ActionResult has lists: in the outputs, and in what tells of the execution. */
export const actionResultFields: CountedFields = {
  2: { 7: properties },
  3: {},
  9: { 11: {} },
  10: symlink,
  11: symlink,
  12: symlink,
};

/**
 * Throws when a serialised message has too many fields, those of the messages in `within` included, and when it
 * is none. Two bytes on the wire are an element of a list, and an object once decoded: a message of them would
 * hold up everybody for seconds.
 */
export function expectFewFields(bytes: Uint8Array, within: CountedFields = {}): void {
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
