import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';
import { actionResultFields, expectFewFields } from '../core/message-fields.ts';
import { ActionResult } from '../gen/build/bazel/remote/execution/v2/remote_execution.ts';

/** The fields of an ActionResult and how each is written. */
const wireTypes = new Map<number, WireType>([
  [2, WireType.LengthDelimited],
  [3, WireType.LengthDelimited],
  [4, WireType.Varint],
  [5, WireType.LengthDelimited],
  [6, WireType.LengthDelimited],
  [7, WireType.LengthDelimited],
  [8, WireType.LengthDelimited],
  [9, WireType.LengthDelimited],
  [10, WireType.LengthDelimited],
  [11, WireType.LengthDelimited],
  [12, WireType.LengthDelimited],
]);

/**
 * The ActionResult that these bytes are; undefined when they are something else, which other clients keep under
 * keys that look the same (ccache, for one). Bytes that are one by accident would have to have no field of
 * another message, from the first to the last.
 */
export function actionResultIn(bytes: Uint8Array): ActionResult | undefined {
  if (bytes.length === 0) return undefined;
  try {
    // What has more than a message of the API may have is no result that anybody else would take.
    expectFewFields(bytes, actionResultFields);
    const reader = new BinaryReader(bytes);
    while (reader.pos < bytes.length) {
      const [field, wireType] = reader.tag();
      if (wireTypes.get(field) !== wireType) return undefined;
      reader.skip(wireType);
    }
    return reader.pos === bytes.length ? ActionResult.decode(bytes) : undefined;
  } catch {
    return undefined;
  }
}
