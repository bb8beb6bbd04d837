// Programs built from the Go module proxy.
import { spawnSync } from 'node:child_process';
import { delimiter } from 'node:path';

/**
 * Builds packages into a folder, with the machine's Go or Debian's; undefined when it worked, else why not. The module
 * in `source` is a copy: -mod=mod lets go write the versions of what it needs itself into it. `own` is what a program
 * wants beyond what all get.
 */
export function goBuild(
  source: string,
  output: string,
  packages: readonly string[],
  patienceMs: number,
  own: { flags?: readonly string[]; env?: NodeJS.ProcessEnv } = {},
): string | undefined {
  const places = [process.env['PATH'] ?? '', '/usr/local/go/bin', '/usr/lib/go/bin', '/usr/bin'];
  const args = ['build', '-o', `${output}/`, ...(own.flags ?? []), ...packages];
  const { status, error } = spawnSync('go', args, {
    cwd: source,
    env: {
      ...process.env,
      PATH: places.join(delimiter),
      CGO_ENABLED: '0',
      GOFLAGS: '-mod=mod',
      GOTOOLCHAIN: 'local',
      GOWORK: 'off',
      ...own.env,
    },
    stdio: ['ignore', 'ignore', 2],
    timeout: patienceMs,
  });
  return status === 0 ? undefined : (error?.message ?? 'its last lines are above');
}
