import { CacheError } from './cache-error.ts';
import { quote } from './digest.ts';

/** What bytes have to hash to. */
export interface Checksum {
  readonly algorithm: 'sha256' | 'sha384' | 'sha512';
  /** Lower-case hex. */
  readonly hash: string;
}

/** By strength, the weakest first; with the bytes of a hash. */
const algorithms = { sha256: 32, sha384: 48, sha512: 64 } as const;

/**
 * The value of a `checksum.sri` qualifier: `sha256-<base64>`, or several of that form with spaces between. As
 * Subresource Integrity has it, only those of the strongest algorithm count, and any one of them will do.
 * Throws 'invalid-argument' for a text without one, and for one whose hash has a wrong length.
 */
export function parseChecksums(text: string): Checksum[] {
  const all = text
    .split(/\s+/)
    .map(parseChecksum)
    .filter((checksum) => checksum !== undefined);
  const strongest = Object.keys(algorithms)
    .toReversed()
    .find((algorithm) => all.some((checksum) => checksum.algorithm === algorithm));
  if (strongest === undefined) {
    throw new CacheError(
      'invalid-argument',
      `the qualifier checksum.sri is ${quote(text)}; write sha256-, sha384- or sha512- and the hash in base64`,
    );
  }
  return all.filter(({ algorithm }) => algorithm === strongest);
}

/** Undefined for an algorithm that is not known: SRI says to pass over those. */
function parseChecksum(token: string): Checksum | undefined {
  const [, algorithm, base64 = ''] = /^(sha256|sha384|sha512)-([^?]*)/.exec(token) ?? [];
  if (algorithm === undefined) return undefined;
  const bytes = Buffer.from(base64, 'base64');
  const known = algorithm as Checksum['algorithm'];
  if (bytes.length !== algorithms[known] || bytes.toString('base64') !== base64) {
    throw new CacheError(
      'invalid-argument',
      `${quote(token)} is no checksum: ${algorithms[known]} bytes in base64 have to follow ${algorithm}-`,
    );
  }
  return { algorithm: known, hash: bytes.toString('hex') };
}
