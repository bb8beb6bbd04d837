import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Digest } from '../../src/gen/build/bazel/remote/execution/v2/remote_execution.ts';
import { xorshiftBytes } from './chunking-samples.ts';
import {
  type Blob,
  blobOf,
  type Clients,
  downloadName,
  randomBlob,
  read,
  uploadName,
  write,
} from './wire.ts';

/** What the API's own implementations make of the same bytes; see test/fuzz/chunkers.test.ts. */
export const sample = blobOf(xorshiftBytes(2463534242, 6_000_001));
export const sampleLengths: [chunking: 1 | 2, lengths: number[]][] = [
  [1, [707869, 606504, 613882, 594098, 580220, 732405, 600218, 663816, 595788, 305201]],
  [
    2,
    [
      354030, 336581, 376627, 517695, 471201, 265262, 363710, 331658, 505898, 334392, 339815, 297919, 448138,
      266224, 268645, 522206,
    ],
  ],
];

/** A blob as chunks of these lengths. */
export function cut({ data }: Blob, lengths: readonly number[]): Blob[] {
  let at = 0;
  return lengths.map((length) => blobOf(data.subarray(at, (at += length))));
}

/** A blob that is larger than any chunk, in five equal parts. */
export function parts(): { whole: Blob; chunks: Blob[] } {
  const whole = randomBlob(2_500_000);
  return { whole, chunks: cut(whole, [500_000, 500_000, 500_000, 500_000, 500_000]) };
}

export function digestsOf(blobs: readonly Blob[]): Digest[] {
  return blobs.map(({ digest }) => digest);
}

/** Uploads one after the other. */
export async function store(clients: Clients, blobs: readonly Blob[]): Promise<void> {
  for (const blob of blobs) await write(clients, uploadName(blob), blob.data);
}

/** Where a blob of SHA-256 is on the volume. */
export function pathOf(volume: string, { hash }: Digest): string {
  return join(volume, 'cas', 'objects', hash.slice(0, 2), hash.slice(2));
}

/** The files that say how a blob is cut. */
export async function chunkingFiles(volume: string, { digest: { hash } }: Blob): Promise<string[]> {
  const root = join(volume, 'weir', 'chunkings');
  const names = await readdir(root, { recursive: true }).catch(() => []);
  return names.filter((name) => name.endsWith(hash)).map((name) => join(root, name));
}

/** The bytes of these blobs, one after the other. */
export async function concatenated(clients: Clients, digests: readonly Digest[]): Promise<Buffer> {
  const data: Buffer[] = [];
  for (const digest of digests) data.push(await read(clients, downloadName({ digest, data: Buffer.of() })));
  return Buffer.concat(data);
}
