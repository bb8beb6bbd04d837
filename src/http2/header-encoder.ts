/** Headers to send: names in lower case. */
export type OutgoingHeaders = Readonly<Record<string, string | number>>;

/** In the table that all know, `:status` with the value 200; the name alone has the same number. */
const status200 = 8;
/**
 * Goes before the first headers of a connection: we remember none of them, so that the same bytes mean the same on every
 * connection, and blocks can be made once (RFC 7541, 4.2).
 */
export const nothingRemembered = Uint8Array.of(0x20);

/** A block of headers that leans on nothing before it. */
export function headerBlock(headers: OutgoingHeaders): Uint8Array {
  const parts: Uint8Array[] = [];
  for (const [name, value] of Object.entries(headers)) {
    if (name === ':status') parts.push(statusBytes(Number(value)));
    else parts.push(Uint8Array.of(0), textBytes(name), textBytes(String(value)));
  }
  return Buffer.concat(parts);
}

function statusBytes(status: number): Uint8Array {
  if (status === 200) return Uint8Array.of(0x80 | status200);
  return Buffer.concat([Uint8Array.of(status200), textBytes(String(status))]);
}

function textBytes(text: string): Uint8Array {
  const bytes = Buffer.from(text, 'latin1');
  return Buffer.concat([numberBytes(bytes.length), bytes]);
}

/** With seven bits in the first byte. */
function numberBytes(number: number): Uint8Array {
  const mask = 0x7f;
  if (number < mask) return Uint8Array.of(number);
  const bytes = [mask];
  let rest = number - mask;
  for (; rest > mask; rest >>>= 7) bytes.push((rest & mask) | 0x80);
  return Uint8Array.of(...bytes, rest);
}
