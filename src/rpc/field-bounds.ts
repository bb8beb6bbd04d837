import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';

/**
 * Throws for a message in which a field goes on behind its end. `messages`: numbers of fields that are messages themselves, whose fields
 * are looked at too. For decoders that do not look: google-protobuf reads a string for as long as its length says, up to
 * 4 GiB, and nothing else goes on meanwhile.
 */
export function expectFieldsWithin(bytes: Uint8Array, messages: readonly number[] = []): void {
  const reader = new BinaryReader(bytes);
  while (reader.pos < bytes.length) {
    const [number, type] = reader.tag();
    if (type === WireType.LengthDelimited && messages.includes(number)) expectFieldsWithin(reader.bytes());
    else reader.skip(type, number);
  }
}
