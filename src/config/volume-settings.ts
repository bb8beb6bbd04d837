import type { CleanedEnv } from 'envalid';
import { bytes, oneOf, path, seconds, yesOrNo } from './setting-kinds.ts';

/** Where the cache is, and what is promised of what it holds. */
export const volumeSettings = {
  VOLUME: path({
    default: './data',
    desc: 'Directory of the cache, made when it is not there. One of a `bst-artifact-server` is served in place.',
  }),
  DURABILITY: oneOf(['strict', 'relaxed'], {
    default: 'strict',
    desc: '`strict`: a push is on disk when it is acknowledged. `relaxed`: faster, and a power cut may lose the last ones.',
  }),
  LEASE_SECONDS: seconds({
    default: 3600,
    desc: 'How long a blob is promised to stay after any positive answer about it.',
  }),
  LEASE_MEMORY: yesOrNo({
    default: true,
    desc: 'Blobs that were seen a short while ago are promised again without a look at the disk. `false` where something else than Weir removes files from the volume.',
  }),
  INDEX_ONLY: yesOrNo({
    default: false,
    desc: '`true` keeps names only, for `type: index` of BuildStream 2: blobs are on another server, and not checked.',
  }),
  SCRUB_BYTES_PER_SECOND: bytes({
    default: 5_000_000,
    desc: 'Rate at which all blobs are read and compared with their hashes; `0` for never.',
  }),
};

export function volumeConfig(checked: CleanedEnv<typeof volumeSettings>) {
  return {
    volume: checked.VOLUME,
    durability: checked.DURABILITY,
    leaseSeconds: checked.LEASE_SECONDS,
    leaseMemory: checked.LEASE_MEMORY,
    indexOnly: checked.INDEX_ONLY,
    /** 0 for no scrub. */
    scrubBytesPerSecond: checked.SCRUB_BYTES_PER_SECOND,
  };
}
