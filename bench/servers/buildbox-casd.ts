import { spawnSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inSid } from '../../test/support/debian-sid.ts';
import { obtainParts } from '../../test/support/real-parts.ts';
import type { ServerKind } from './server-kind.ts';

const program = '/usr/bin/buildbox-casd';

/** What BuildStream 2 keeps its blobs with: of Debian's development distribution, in a root folder of its own. */
export const buildboxCasd: ServerKind = {
  name: 'buildbox-casd',
  durability: 'nothing is synced',
  configuration: 'none',
  obtain: (say) => obtainParts(['buildbox'], say),
  version() {
    const [command, ...args] = inSid(tmpdir(), [program, '--version']);
    const { stdout, stderr } = spawnSync(command, args, { encoding: 'utf8' });
    return /\d+\.\d+\.\d+/.exec(stdout + stderr)?.[0] ?? 'unknown';
  },
  command(folder, port) {
    const [command, ...args] = inSid(folder, [program, `--bind=127.0.0.1:${port}`, join(folder, 'volume')]);
    return { program: command, args };
  },
};
