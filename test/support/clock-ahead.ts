import { execFileSync } from 'node:child_process';

/** Environment of a process whose clock is ahead by so many hours; timers and files' ctimes go by the true one. */
export function clockAhead(hours: number): Record<string, string> {
  const preload = execFileSync('faketime', ['-f', '+0', 'printenv', 'LD_PRELOAD'], { encoding: 'utf8' });
  return {
    LD_PRELOAD: preload.trim(),
    FAKETIME: `+${hours}h`,
    FAKETIME_DONT_FAKE_MONOTONIC: '1',
    DONT_FAKE_MONOTONIC: '1',
  };
}
