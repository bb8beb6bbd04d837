import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';

/** The fields of a message that hold messages themselves and take memory for as long as it is held. */
export interface Shape {
  readonly [field: number]: Shape;
}

const nodeProperties: Shape = { 1: {} };
/** files, directories, symlinks and the properties of a Directory; those of a file and of a symlink. */
export const directoryShape: Shape = {
  1: { 6: nodeProperties },
  2: {},
  3: { 4: nodeProperties },
  5: nodeProperties,
};

/** A Tree: its root and its children. */
export const treeShape: Shape = { 1: directoryShape, 2: directoryShape };

const shortestEntry = 2;

/**
 * How many entries a serialised message has, counted without making any: two bytes on the wire are
 * an object of some eighty once decoded. Stops counting somewhere behind `enough`. Throws for bytes
 * that are no message.
 */
export function countEntries(bytes: Uint8Array, shape: Shape, enough: number): number {
  // Nearly every directory is too short to have too many.
  if (bytes.length / shortestEntry <= enough) return Math.ceil(bytes.length / shortestEntry);
  return countIn(new BinaryReader(bytes), bytes.length, shape, enough);
}

function countIn(reader: BinaryReader, end: number, shape: Shape, enough: number): number {
  let count = 0;
  while (reader.pos < end && count <= enough) {
    const [field, type] = reader.tag();
    const inner = type === WireType.LengthDelimited ? shape[field] : undefined;
    if (inner === undefined) {
      reader.skip(type, field);
      continue;
    }
    const length = reader.uint32();
    count += 1 + countIn(reader, reader.pos + length, inner, enough - count);
  }
  return count;
}
