import type { Field } from './header-table.ts';

/** Headers of a request, `:method`, `:scheme` and `:path` among them. Where a name came more than once: all values, with commas. */
export type RequestHeaders = Readonly<Record<string, string | undefined>>;

const pseudo = new Set([':method', ':scheme', ':path', ':authority']);
const needed = [':method', ':scheme', ':path'];
/** They are about the connection, and this one is not for them (RFC 9113, 8.2.2). */
const ofConnections = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
]);

/** The headers of a request; undefined where HTTP/2 does not let them be a request's. */
export function requestHeaders(fields: readonly Field[]): RequestHeaders | undefined {
  const headers = Object.create(null) as Record<string, string | undefined>;
  let isPastPseudo = false;
  for (const { name, value, isValid } of fields) {
    if (!isValid) return undefined;
    const before = headers[name];
    if (name.startsWith(':')) {
      if (isPastPseudo || before !== undefined || !pseudo.has(name)) return undefined;
      headers[name] = value;
    } else {
      isPastPseudo = true;
      if (ofConnections.has(name) || (name === 'te' && value !== 'trailers')) return undefined;
      headers[name] = before === undefined ? value : `${before}, ${value}`;
    }
  }
  if (!isLength(headers['content-length'])) return undefined;
  return needed.every((name) => headers[name]) ? headers : undefined;
}

/** How many bytes the body has, if the request says so. */
export function announcedBytes(headers: RequestHeaders): number | undefined {
  const length = headers['content-length'];
  return length === undefined ? undefined : Number(length);
}

function isLength(value: string | undefined): boolean {
  return value === undefined || /^\d{1,15}$/.test(value);
}

/** Whether these may follow after a request's body. */
export function areTrailers(fields: readonly Field[]): boolean {
  return fields.every(({ name, isValid }) => isValid && !name.startsWith(':'));
}
