import { type Digest, digestOf, parseDigest } from '../core/digest.ts';
import type { DigestFunction } from '../core/digest-function.ts';
import { hashTag, isHex, sizeAt } from '../core/digest-bytes.ts';
import type { Directory } from '../gen/build/bazel/remote/execution/v2/remote_execution.ts';

/** What a Directory leads to. */
export interface DirectoryDigests {
  readonly files: readonly Digest[];
  readonly directories: readonly Digest[];
}

/** Of a message that was read by the generated code. Throws 'invalid-argument' where one is no digest. */
export function digestsIn(message: Directory, digestFunction: DigestFunction): DirectoryDigests {
  return {
    files: message.files.map(({ digest }) => parseDigest(digest, digestFunction, 'file')),
    directories: subdirectoriesIn(message, digestFunction),
  };
}

/** The same for who does not look at its files. */
export function subdirectoriesIn(message: Directory, digestFunction: DigestFunction): readonly Digest[] {
  return message.directories.map(({ digest }) => parseDigest(digest, digestFunction, 'subdirectory'));
}

/** Fields of a Directory, and of its nodes, with their types. */
const [filesTag, directoriesTag, symlinksTag] = [0x0a, 0x12, 0x1a];
const [nameTag, digestTag, targetTag, executableTag] = [0x0a, 0x12, 0x12, 0x20];
const hexDigits = 64;

/**
 * The same of its bytes, where they are written as clients write them and nothing has properties; undefined for anything else,
 * which the generated code has to judge. A walk has no use for names, and making each, and an object, costs several times as much.
 */
export function scannedDigests(bytes: Buffer, digestFunction: DigestFunction): DirectoryDigests | undefined {
  if (digestFunction !== 'sha256' && digestFunction !== 'blake3') return undefined;
  const files: Digest[] = [];
  const directories: Digest[] = [];
  for (let at = 0; at < bytes.length;) {
    const tag = bytes[at] ?? 0;
    const first = bytes[at + 1] ?? 0;
    const second = first < 0x80 ? 0 : (bytes[at + 2] ?? 0);
    if (second >= 0x80) return undefined;
    const begin = at + (first < 0x80 ? 2 : 3);
    const end = begin + (first & 0x7f) + second * 0x80;
    if (end > bytes.length) return undefined;
    if (tag === symlinksTag) {
      if (!isSymlink(bytes, begin, end)) return undefined;
    } else {
      const digest = digestOfNode(bytes, begin, end, tag === filesTag, digestFunction);
      if (digest === undefined) return undefined;
      if (tag === filesTag) files.push(digest);
      else if (tag === directoriesTag) directories.push(digest);
      else return undefined;
    }
    at = end;
  }
  return { files, directories };
}

function digestOfNode(
  bytes: Buffer,
  begin: number,
  end: number,
  isFile: boolean,
  digestFunction: DigestFunction,
): Digest | undefined {
  const at = bytes[begin] === nameTag ? stringEnd(bytes, begin) : begin;
  const length = bytes[at + 1] ?? 0;
  const digestEnd = at + 2 + length;
  if (bytes[at] !== digestTag || length > 0x7f || digestEnd > end) return undefined;
  const hashAt = at + 4;
  const hashEnd = hashAt + hexDigits;
  if (bytes[at + 2] !== hashTag || bytes[at + 3] !== hexDigits || hashEnd > digestEnd) return undefined;
  const size = hashEnd === digestEnd ? 0 : sizeAt(bytes, hashEnd, digestEnd);
  if (size === undefined || !isHex(bytes, hashAt, hashEnd)) return undefined;
  if (digestEnd !== end) {
    const isExecutable = bytes[digestEnd] === executableTag && (bytes[digestEnd + 1] ?? 0) < 0x80;
    if (!isFile || !isExecutable || digestEnd + 2 !== end) return undefined;
  }
  return digestOf(bytes.toString('latin1', hashAt, hashEnd), size, digestFunction);
}

function isSymlink(bytes: Buffer, begin: number, end: number): boolean {
  const at = bytes[begin] === nameTag ? stringEnd(bytes, begin) : begin;
  return at === end || (bytes[at] === targetTag && stringEnd(bytes, at) === end);
}

/** Behind all bytes for a longer one than these have. */
function stringEnd(bytes: Buffer, tagAt: number): number {
  const length = bytes[tagAt + 1] ?? 0;
  return length > 0x7f ? Number.POSITIVE_INFINITY : tagAt + 2 + length;
}
