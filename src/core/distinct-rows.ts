import { digestText } from './digest.ts';
import { hashBytes, type PackedDigests } from './packed-digests.ts';

const hashWords = hashBytes / 4;
/** Where more places than these are taken in a row, somebody has made hashes for it; no order of theirs may cost more than a lookup. */
const mostSteps = 64;
/** Indices and 1, 0 where nothing is. Used by one call after the other, and as long as the longest has needed. */
let places = new Int32Array(1024);

/** Those of the rows whose digest no row before has, in their order. */
export function distinctRows(digests: PackedDigests, rows: readonly number[]): readonly number[] {
  let size = places.length;
  while (size < 2 * rows.length) size *= 2;
  if (size > places.length) places = new Int32Array(size);
  else places.fill(0);
  const distinct: number[] = [];
  for (const row of rows) {
    const found = placeOf(digests, row);
    if (found === -1) return distinctByText(digests, rows);
    if (places[found] !== 0) continue;
    places[found] = row + 1;
    distinct.push(row);
  }
  return distinct;
}

/** Where the digest of the row is, or belongs; -1 after too many steps. */
function placeOf(digests: PackedDigests, row: number): number {
  const { hashes, sizes } = digests;
  const mask = places.length - 1;
  let place = (hashes[row * hashWords + 2] ?? 0) & mask;
  for (let step = 0; step < mostSteps; step++, place = (place + 1) & mask) {
    const other = (places[place] ?? 0) - 1;
    if (other === -1) return place;
    let word = 0;
    while (word < hashWords && hashes[other * hashWords + word] === hashes[row * hashWords + word]) word++;
    if (word === hashWords && sizes[other] === sizes[row]) return place;
  }
  return -1;
}

function distinctByText(digests: PackedDigests, rows: readonly number[]): readonly number[] {
  const seen = new Set<string>();
  return rows.filter((row) => {
    const { size } = seen;
    return seen.add(digestText(digests.digest(row))).size > size;
  });
}
