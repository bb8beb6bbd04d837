import { createHash } from 'node:crypto';

/** The 256 values of 64 bits that the Gear hash adds for a byte, as two halves of 32 bits. */
export interface GearTable {
  readonly high: Int32Array;
  readonly low: Int32Array;
}

/**
 * FastCDC's table: the first eight bytes of the MD5 of a block of 64 bytes that all have the value. (The API
 * says "MD5(byte(i))"; its implementations and test vectors hash the block.)
 */
export const gearTable: GearTable = makeGearTable();

function makeGearTable(): GearTable {
  const table = { high: new Int32Array(256), low: new Int32Array(256) };
  for (let value = 0; value < 256; value++) {
    const md5 = createHash('md5').update(Buffer.alloc(64, value)).digest();
    table.high[value] = md5.readInt32BE(0);
    table.low[value] = md5.readInt32BE(4);
  }
  return table;
}
