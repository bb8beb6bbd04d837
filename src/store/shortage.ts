/** What the volume's file system says of itself. Bytes; a total of 0 means that it does not say. */
export interface VolumeUsage {
  readonly totalBytes: number;
  readonly freeBytes: number;
  readonly totalInodes: number;
  readonly freeInodes: number;
}

/** Why something does not fit. */
export interface Shortage {
  /** For the client, with the numbers. */
  readonly sentence: string;
  /** Bytes to be freed before it would; undefined when nothing that could be freed would help. */
  readonly lackingBytes: number | undefined;
}

/** Uploads are refused below: folders, references and temporary files need inodes too. */
export function inodesKeptFree(totalInodes: number): number {
  return Math.min(1000, totalInodes / 10);
}

/** What stands against so many bytes more, when the cache takes `usedBytes` of its quota. */
export function shortOfQuota(bytes: number, quotaBytes: number, usedBytes: number): Shortage | undefined {
  const left = quotaBytes - usedBytes;
  if (bytes <= left) return undefined;
  if (bytes > quotaBytes) {
    const sentence = `a blob of ${bytes} bytes can never fit: the quota is ${quotaBytes} bytes (QUOTA)`;
    return { sentence, lackingBytes: undefined };
  }
  const sentence = `no room for ${bytes} bytes: ${Math.round(usedBytes)} of the ${quotaBytes} bytes of the quota are used (QUOTA)`;
  return { sentence, lackingBytes: bytes - left };
}

/** What was taken from the disk since it was measured. */
export interface TakenSince {
  readonly bytes: number;
  readonly files: number;
}

/** What stands against so many bytes more on the disk, of which `keptFree` have to stay free. */
export function shortOfDisk(
  bytes: number,
  usage: VolumeUsage,
  keptFree: number,
  taken: TakenSince,
): Shortage | undefined {
  const { totalBytes, freeBytes, totalInodes, freeInodes } = usage;
  if (totalBytes === 0) return undefined;
  if (bytes > totalBytes - keptFree) {
    const sentence = `a blob of ${bytes} bytes can never fit: the volume has ${totalBytes} bytes, of which ${Math.round(keptFree)} stay free`;
    return { sentence, lackingBytes: undefined };
  }
  const left = freeBytes - taken.bytes - keptFree;
  if (bytes > left) {
    const free = Math.max(0, Math.round(freeBytes - taken.bytes));
    const sentence = `no room for ${bytes} bytes: the volume has ${free} of ${totalBytes} bytes free, of which ${Math.round(keptFree)} stay free (HEAD_ROOM_MIN)`;
    return { sentence, lackingBytes: bytes - left };
  }
  if (totalInodes > 0 && freeInodes - taken.files < inodesKeptFree(totalInodes)) {
    const sentence = `no room for another file: the volume has ${freeInodes} of ${totalInodes} inodes free`;
    return { sentence, lackingBytes: 0 };
  }
  return undefined;
}

/** What a client is told when the volume itself had no room, against what it had said before. */
export function fullSentence(errno: string, doing: string, usage: VolumeUsage): string {
  if (errno === 'EDQUOT')
    return `the disk quota of the server's user is used up (EDQUOT) while ${doing}; raise it, or remove something of that user`;
  const { totalBytes, freeBytes, totalInodes, freeInodes } = usage;
  const inodes = totalInodes > 0 ? ` and ${freeInodes} of ${totalInodes} inodes` : '';
  return `the volume has no room left (${errno}) while ${doing}: it has ${freeBytes} of ${totalBytes} bytes${inodes} free; free space on it or make it larger`;
}
