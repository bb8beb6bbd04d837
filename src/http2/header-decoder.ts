import { type Field, fieldOf, HeaderTable, maxTableSize } from './header-table.ts';
import { huffmanDecoded } from './huffman.ts';
import { ConnectionError, errorCode } from './protocol.ts';

/** Numbers in a block are indexes and lengths: none has more than this of bytes behind its first. */
const longestNumber = 4;

/** Headers of one request, as they were sent. */
export interface HeaderList {
  readonly fields: readonly Field[];
  /** More than may be sent: `fields` lacks some. */
  readonly isTooLong: boolean;
}

/** Reads the blocks of headers of one connection, each of which may lean on those before it (RFC 7541). */
export class HeaderDecoder {
  readonly #table = new HeaderTable();
  readonly #maxListSize: number;
  #block: Buffer = Buffer.alloc(0);
  #at = 0;

  /** `maxListSize`: see Field.size. Bytes. */
  constructor(maxListSize: number) {
    this.#maxListSize = maxListSize;
  }

  /** Throws a ConnectionError for what is no block: nobody knows then what those after it mean. */
  decode(block: Buffer): HeaderList {
    this.#block = block;
    this.#at = 0;
    const fields: Field[] = [];
    let size = 0;
    while (this.#at < block.length) {
      const field = this.#next(fields.length === 0);
      if (field === undefined) continue;
      size += field.size;
      if (size <= this.#maxListSize) fields.push(field);
    }
    return { fields, isTooLong: size > this.#maxListSize };
  }

  /** Undefined for what is about the table. */
  #next(isFirst: boolean): Field | undefined {
    const first = this.#block[this.#at] ?? 0;
    if ((first & 0x80) !== 0) return this.#known(this.#number(7));
    if ((first & 0x40) !== 0) {
      const field = this.#literal(this.#number(6));
      this.#table.add(field);
      return field;
    }
    if ((first & 0x20) === 0) return this.#literal(this.#number(4));
    const size = this.#number(5);
    if (!isFirst || size > maxTableSize) throw damaged('a table of headers is resized where it may not be');
    this.#table.resize(size);
    return undefined;
  }

  #known(index: number): Field {
    const field = this.#table.at(index);
    if (field === undefined) throw damaged(`there is no header of the number ${index}`);
    return field;
  }

  #literal(nameIndex: number): Field {
    const name = nameIndex === 0 ? this.#text() : this.#known(nameIndex).name;
    return fieldOf(name, this.#text());
  }

  #text(): string {
    const isHuffman = ((this.#block[this.#at] ?? 0) & 0x80) !== 0;
    const length = this.#number(7);
    const end = this.#at + length;
    if (end > this.#block.length) throw damaged('a header goes on behind the end of its block');
    const text = isHuffman
      ? huffmanDecoded(this.#block.subarray(this.#at, end))
      : this.#block.toString('latin1', this.#at, end);
    if (text === undefined) throw damaged('a header is in no Huffman code');
    this.#at = end;
    return text;
  }

  /** A number whose first bits are the last ones of a byte (RFC 7541, 5.1). */
  #number(bits: number): number {
    const mask = 2 ** bits - 1;
    let number = this.#byte() & mask;
    if (number < mask) return number;
    for (let more = 0; more < longestNumber; more++) {
      const byte = this.#byte();
      number += (byte & 0x7f) * 2 ** (7 * more);
      if ((byte & 0x80) === 0) return number;
    }
    throw damaged('a number in a block of headers is too long');
  }

  #byte(): number {
    const byte = this.#block[this.#at++];
    if (byte === undefined) throw damaged('a block of headers ends in the middle of one');
    return byte;
  }
}

function damaged(message: string): ConnectionError {
  return new ConnectionError(errorCode.compressionError, message);
}
