import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { artifactServerCommand } from '../../test/support/bst-artifact-server.ts';
import { obtainParts } from '../../test/support/real-parts.ts';
import { objectFile } from './object-file.ts';
import type { Command, ServerKind } from './server-kind.ts';

/** BuildStream 1.6's own server, which Weir replaces: Debian's package. */
export const reference: ServerKind = {
  name: 'bst-artifact-server',
  durability: 'nothing is synced',
  configuration: '`--enable-push`',
  obtain: (say) => obtainParts(['buildstream-protos'], say),
  version: () => debianVersion('python3-buildstream'),
  command: (folder, port) => command(folder, port, []),
  blobFile: (folder, hash) => objectFile(join(folder, 'volume'), hash),
  tlsCommand: (folder, port, { certificateFile, keyFile }) =>
    command(folder, port, ['--server-cert', certificateFile, '--server-key', keyFile]),
};

function command(folder: string, port: number, options: string[]): Command {
  const [program, ...first] = artifactServerCommand('reference');
  return {
    program,
    args: [...first, '--port', `${port}`, '--enable-push', ...options, join(folder, 'volume')],
  };
}

function debianVersion(name: string): string {
  const { stdout } = spawnSync('dpkg-query', ['--show', '--showformat=${Version}', name], {
    encoding: 'utf8',
  });
  return stdout;
}
