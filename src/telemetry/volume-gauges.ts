import { Gauge, type Registry } from './prom-client.ts';

/** What the volume says when it is asked for a scrape; rejects or stays silent when it fails. */
export interface VolumeProbe {
  usage(): Promise<{ totalBytes: number; freeBytes: number; totalInodes: number; freeInodes: number }>;
  isWritable(): boolean;
  /** Bytes on disk that the cache may take, and takes; undefined where it has no quota. */
  quota(): { limitBytes: number; usedBytes: number } | undefined;
  /** Free bytes below which uploads are refused, and at which making room ends; for a volume of so many bytes. */
  headRoom(totalBytes: number): { min: number; max: number };
  readonly leaseSeconds: number;
  /** By how much our clock is ahead of the one that dates the volume's files. */
  clockSkewMs(): number;
}

/** A scrape answers without the volume's gauges when the volume takes longer than this. Milliseconds. */
const volumePatience = 2000;

/** The gauges of the volume, and the function that reads it into them; one answer of the volume fills them all. */
export function volumeGauges(registry: Registry, probe: VolumeProbe): () => Promise<void> {
  const gauge = (name: string, help: string) => new Gauge({ name, help, registers: [registry] });
  const total = gauge('weir_volume_size_bytes', 'How large is the file system of the volume?');
  const free = gauge('weir_volume_free_bytes', 'How much of the file system of the volume is free?');
  const inodes = gauge(
    'weir_volume_inodes',
    'How many files can the file system of the volume have? 0 where there is no limit.',
  );
  const freeInodes = gauge('weir_volume_free_inodes', 'How many more files can be made there?');
  const writable = gauge('weir_volume_writable', '1: can uploads be taken?');
  const answers = gauge(
    'weir_volume_answers',
    '1: did the volume answer for this scrape? Its sizes are old when it is 0.',
  );
  const quota = gauge('weir_quota_bytes', 'How much may the cache take (`QUOTA`)? 0: as much as there is.');
  const used = gauge(
    'weir_used_bytes',
    'How much does the cache take: as measured, and as the servers on the volume have written since? 0 without a quota.',
  );
  const skew = gauge(
    'weir_clock_skew_seconds',
    "How far is the clock of this machine ahead of the one that dates the volume's files? Negative: behind. By more than a tenth of `LEASE_SECONDS`, and this server removes nothing until it is set.",
  );
  const headRoomMin = gauge(
    'weir_head_room_min_bytes',
    'Below how many free bytes are uploads refused (`HEAD_ROOM_MIN`)?',
  );
  const headRoomMax = gauge(
    'weir_head_room_max_bytes',
    'At how many free bytes does making room end (`HEAD_ROOM_MAX`)? It begins a quarter of the way up from the former.',
  );
  gauge(
    'weir_lease_seconds',
    'How long does a blob stay after any positive answer about it (`LEASE_SECONDS`)?',
  ).set(probe.leaseSeconds);
  return async () => {
    skew.set(probe.clockSkewMs() / 1000);
    quota.set(probe.quota()?.limitBytes ?? 0);
    used.set(probe.quota()?.usedBytes ?? 0);
    writable.set(probe.isWritable() ? 1 : 0);
    const usage = await inTime(probe.usage());
    answers.set(usage === undefined ? 0 : 1);
    if (usage === undefined) return;
    total.set(usage.totalBytes);
    free.set(usage.freeBytes);
    inodes.set(usage.totalInodes);
    freeInodes.set(usage.freeInodes);
    const headRoom = probe.headRoom(usage.totalBytes);
    headRoomMin.set(headRoom.min);
    headRoomMax.set(headRoom.max);
  };
}

/** A mount that hangs must not hang the scrape, which is how people learn that it hangs. */
async function inTime<T>(answer: Promise<T>): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), volumePatience);
  });
  try {
    return await Promise.race([answer.catch(() => undefined), late]);
  } finally {
    clearTimeout(timer);
  }
}
