import * as fc from 'fast-check';
import { RequestMetadata } from '../../src/gen/build/bazel/remote/execution/v2/remote_execution.ts';

/** Values of an authorization header: the token, what is nearly it, and anything. */
export function authorizationsNear(token: string): fc.Arbitrary<string> {
  const ascii = fc.string({ unit: 'grapheme-ascii', maxLength: 60 });
  const near = fc
    .tuple(
      fc.nat({ max: token.length }),
      fc.nat({ max: 2 }),
      fc.string({ unit: 'grapheme-ascii', maxLength: 2 }),
    )
    .map(([at, removed, added]) => token.slice(0, at) + added + token.slice(at + removed));
  const scheme = fc.constantFrom('Bearer ', 'bearer   ', 'Bearer', 'Basic ', 'Bearer Bearer ', '');
  return (
    fc
      .tuple(scheme, fc.oneof(near, ascii, fc.constant(token)))
      // What stands at the ends is the transport's.
      .map((parts) => parts.join('').trim())
      .filter((text) => text !== '')
  );
}

/** Whether such a header has the token. */
export function hasToken(authorization: string, token: string): boolean {
  return /^bearer +(\S+)$/i.exec(authorization)?.[1] === token;
}

/** The bytes that tell of a tool: in order, broken, and anything. */
export function toolBytes(): fc.Arbitrary<Uint8Array> {
  const text = fc.string({ unit: 'binary', maxLength: 200 });
  const message = fc
    .record({
      toolDetails: fc.record({ toolName: text, toolVersion: text }),
      actionId: text,
      toolInvocationId: text,
      correlatedInvocationsId: text,
      actionMnemonic: text,
      targetId: text,
      configurationId: text,
    })
    .map((fields) => RequestMetadata.encode(fields).finish());
  const broken = fc
    .tuple(message, fc.nat(), fc.uint8Array({ maxLength: 6 }))
    .map(([bytes, at, added]) =>
      Buffer.concat([bytes.subarray(0, at % (bytes.length + 1)), added, bytes.subarray(at % 50)]),
    );
  return fc.oneof(message, broken, fc.uint8Array({ maxLength: 300 }));
}
