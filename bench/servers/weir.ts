import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ServerKind } from './server-kind.ts';
import { objectFile } from './object-file.ts';
import { weirBehindNginx } from './weir-behind-nginx.ts';

const project = join(import.meta.dirname, '..', '..');
/** What a version is of: the page that figures are saved to is no part of it. */
const whatRuns = ['bin', 'src', 'package-lock.json'];

/** What is measured, as its users run it without a proxy: every setting but the addresses is the default. */
export const weir: ServerKind = {
  name: 'weir',
  durability: 'what a name leads to is synced before the name is acknowledged; blobs without a name are not',
  configuration: 'none',
  obtain: () => undefined,
  version() {
    const { version } = JSON.parse(readFileSync(join(project, 'package.json'), 'utf8')) as {
      version: string;
    };
    const git = (...args: string[]) =>
      spawnSync('git', [...args, '--', ...whatRuns], { cwd: project, encoding: 'utf8' }).stdout?.trim();
    const commit = git('log', '-1', '--format=%h');
    const isChanged = git('status', '--porcelain') !== '';
    return commit
      ? `${version} (${commit}${isChanged ? ' and changes' : ''}), Node ${process.versions.node}`
      : version;
  },
  command: (folder, port) => ({
    program: process.execPath,
    args: [join(project, 'bin', 'weir'), 'serve'],
    env: {
      VOLUME: join(folder, 'volume'),
      PULL_LISTEN: '127.0.0.1:0',
      PUSH_LISTEN: `127.0.0.1:${port}`,
      OPS_LISTEN: 'none',
    },
  }),
  blobFile: (folder, hash) => objectFile(join(folder, 'volume'), hash),
  nginxCommand: (folder, port, pair) => weirBehindNginx(join(project, 'bin', 'weir'), folder, port, pair),
  // `weir serve` has TLS from the proxy before it; this command has it itself.
  tlsCommand: (folder, port, { certificateFile, keyFile }) => ({
    program: process.execPath,
    args: [
      [join(project, 'bin', 'bst-artifact-server'), '--port', `${port}`, '--enable-push'],
      ['--server-cert', certificateFile, '--server-key', keyFile],
      [join(folder, 'volume')],
    ].flat(),
  }),
};
