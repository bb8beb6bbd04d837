import { existsSync } from 'node:fs';

/**
 * Settings of a process whose clock is wrong (faketime's words: `+30s`, `+0 x1.1`). Steady time, and times of files, which
 * come from the kernel, stay true.
 */
export function wrongClock(faked: string): Record<string, string> {
  return { ...fakedClock(), FAKETIME: faked };
}

/** The same, by what a file says now; the process looks at it every second. */
export function clockFrom(file: string): Record<string, string> {
  return { ...fakedClock(), FAKETIME_TIMESTAMP_FILE: file, FAKETIME_CACHE_DURATION: '1' };
}

function fakedClock(): Record<string, string> {
  const machine = process.arch === 'arm64' ? 'aarch64' : 'x86_64';
  const library = `/usr/lib/${machine}-linux-gnu/faketime/libfaketime.so.1`;
  if (!existsSync(library)) throw new Error(`faketime is installed without ${library}`);
  return { LD_PRELOAD: library, FAKETIME_DONT_FAKE_MONOTONIC: '1', NO_FAKE_STAT: '1', FAKE_UTIME: '0' };
}
