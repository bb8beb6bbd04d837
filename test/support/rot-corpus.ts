import { createCipheriv } from 'node:crypto';
import { readFile, rename, writeFile } from 'node:fs/promises';
import { Directory } from '../../src/gen/build/bazel/remote/execution/v2/remote_execution.ts';
import { blobBy, directoryOf, type Hashing } from './action-samples.ts';
import type { Blob } from './wire.ts';

/** A blob of the digest function that it is stored by. */
export interface Stored {
  readonly blob: Blob;
  readonly hashing: Hashing;
  /** It is a Directory message. */
  readonly isDirectory: boolean;
}

type Random = () => number;

const mebibyte = 1024 * 1024;
const hashings: readonly Hashing[] = ['sha1', 'sha384', 'sha512', 'blake3'];

/** 0 to `end`, without it. */
export function below(end: number, random: Random): number {
  return Math.floor(random() * end);
}

/** Bytes that nobody can compress, the same for the same choices. */
function randomBytes(size: number, random: Random): Buffer {
  const key = Buffer.from(Array.from({ length: 16 }, () => below(256, random)));
  return createCipheriv('aes-128-ctr', key, Buffer.alloc(16)).update(Buffer.alloc(size));
}

/** Most are small, as in caches; some are around the size from which on they are sent in pieces, and some of several. */
function someSize(random: Random): number {
  const dice = random();
  if (dice < 0.6) return 16 + below(4096, random);
  if (dice < 0.9) return 16 + below(96 * 1024, random);
  if (dice < 0.95) return 16 + below(mebibyte, random);
  if (dice < 0.98) return mebibyte - 2 + below(5, random);
  return mebibyte + 1 + below(3 * mebibyte, random);
}

/** Blobs of many sizes; the last of them is empty, and a tenth are directories of a file that is not among them. */
export async function someBlobs(count: number, random: Random): Promise<Stored[]> {
  const blobs: Stored[] = [];
  for (let index = 0; index < count - 1; index++) {
    const isDirectory = index % 10 === 9;
    const hashing = index % 7 === 6 ? (hashings[below(hashings.length, random)] ?? 'sha1') : 'sha256';
    const data = randomBytes(isDirectory ? 32 : someSize(random), random);
    const blob = await blobBy(hashing, data);
    if (!isDirectory) {
      blobs.push({ blob, hashing, isDirectory });
      continue;
    }
    const directory = Directory.encode(directoryOf(blob)).finish();
    blobs.push({ blob: await blobBy(hashing, directory), hashing, isDirectory });
  }
  blobs.push({ blob: await blobBy('sha256', Buffer.alloc(0)), hashing: 'sha256', isDirectory: false });
  return blobs;
}

/** Where a fault is likely to be overlooked. */
function somePlace(size: number, random: Random): number {
  const places = [0, size - 1, mebibyte - 1, mebibyte, below(size, random), below(size, random)];
  const place = places[below(places.length, random)] ?? 0;
  return place < size ? place : size - 1;
}

const harms: Readonly<Record<string, (bytes: Buffer, random: Random) => Buffer>> = {
  'bit flip'(bytes, random) {
    for (let flips = 1 + below(3, random); flips > 0; flips--) {
      const at = somePlace(bytes.length, random);
      bytes[at] = (bytes[at] ?? 0) ^ (1 << below(8, random));
    }
    return bytes;
  },
  truncation: (bytes, random) => bytes.subarray(0, below(bytes.length, random)),
  extension: (bytes, random) =>
    Buffer.concat([bytes, random() < 0.5 ? Buffer.alloc(1 + below(4096, random)) : randomBytes(9, random)]),
  'zero fill'(bytes, random) {
    const from = random() < 0.5 ? 0 : somePlace(bytes.length, random);
    return bytes.fill(0, from, random() < 0.5 ? bytes.length : Math.min(bytes.length, from + 512));
  },
  // What a file system that preallocates leaves after a power cut.
  'zeros at the end': (bytes, random) => bytes.fill(0, below(bytes.length, random)),
};

/** Other bytes than these, as disks and file systems make them. */
function damaged(bytes: Buffer, random: Random): { what: string; bytes: Buffer } {
  const names = Object.keys(harms);
  for (;;) {
    const what = bytes.length === 0 ? 'extension' : (names[below(names.length, random)] ?? '');
    const harmed = harms[what]?.(Buffer.from(bytes), random) ?? bytes;
    // Some flips undo others, and what is zero cannot be filled with zeros.
    if (!harmed.equals(bytes)) return { what, bytes: harmed };
  }
}

/** Damages a file, in place or by another one under its name; resolves with what was done to it. */
export async function damageFile(path: string, random: Random): Promise<string> {
  const { what, bytes } = damaged(await readFile(path), random);
  if (random() < 0.7) {
    await writeFile(path, bytes);
    return what;
  }
  await writeFile(`${path}.other`, bytes);
  await rename(`${path}.other`, path);
  return what;
}
