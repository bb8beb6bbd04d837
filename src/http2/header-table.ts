/** One header. */
export interface Field {
  readonly name: string;
  readonly value: string;
  /** What it counts for in a table, and in a list of headers (RFC 7541, 4.1). Bytes. */
  readonly size: number;
  /** Whether name and value are what HTTP/2 lets them be. */
  readonly isValid: boolean;
}

/** Names have no capitals; that a name begins with a colon is for the few that there are. */
const validName = /^:?[!#$%&'*+\-.^_`|~0-9a-z]+$/;
/** No control characters, and no blanks at the ends (RFC 9113, 8.2.1). */
// oxlint-disable-next-line no-control-regex
const invalidValue = /[\u0000\n\r]|^[\t ]|[\t ]$/;
const sizeOfEach = 32;

export function fieldOf(name: string, value: string): Field {
  return {
    name,
    value,
    size: name.length + value.length + sizeOfEach,
    isValid: validName.test(name) && !invalidValue.test(value),
  };
}

/** What both sides know from the start (RFC 7541, appendix A). */
const knownFields: readonly Field[] = `:authority
:method GET
:method POST
:path /
:path /index.html
:scheme http
:scheme https
:status 200
:status 204
:status 206
:status 304
:status 400
:status 404
:status 500
accept-charset
accept-encoding gzip, deflate
accept-language
accept-ranges
accept
access-control-allow-origin
age
allow
authorization
cache-control
content-disposition
content-encoding
content-language
content-length
content-location
content-range
content-type
cookie
date
etag
expect
expires
from
host
if-match
if-modified-since
if-none-match
if-range
if-unmodified-since
last-modified
link
location
max-forwards
proxy-authenticate
proxy-authorization
range
referer
refresh
retry-after
server
set-cookie
strict-transport-security
transfer-encoding
user-agent
vary
via
www-authenticate`
  .split('\n')
  .map((line) => {
    const [name = '', ...words] = line.split(' ');
    return fieldOf(name, words.join(' '));
  });

/** What a connection may remember of its headers unless less is agreed on. Bytes. */
export const maxTableSize = 4096;

/** Headers that have a number: those known to all, and the last ones that came with the wish to be remembered. */
export class HeaderTable {
  /** The newest last. */
  readonly #fields: Field[] = [];
  /** How many of those in front have been forgotten. */
  #forgotten = 0;
  #size = 0;
  #maxSize = maxTableSize;

  /** The header of a number, from 1; undefined where there is none. */
  at(index: number): Field | undefined {
    if (index <= knownFields.length) return knownFields[index - 1];
    const at = this.#fields.length - (index - knownFields.length);
    return at < this.#forgotten ? undefined : this.#fields[at];
  }

  add(field: Field): void {
    this.#fields.push(field);
    this.#size += field.size;
    this.#forget();
  }

  /** Not above maxTableSize. */
  resize(maxSize: number): void {
    this.#maxSize = maxSize;
    this.#forget();
  }

  #forget(): void {
    while (this.#size > this.#maxSize) this.#size -= this.#fields[this.#forgotten++]?.size ?? 0;
    if (this.#forgotten > this.#fields.length / 2) {
      this.#fields.splice(0, this.#forgotten);
      this.#forgotten = 0;
    }
  }
}
