import { join } from 'node:path';
import { GoProgram } from './go-program.ts';
import type { Command, ServerKind } from './server-kind.ts';

const program = new GoProgram({
  name: 'bazel-remote',
  module: 'github.com/buchgr/bazel-remote/v2',
  version: 'v2.6.2',
  package: '.',
});

/** The cache server that most users of Bazel run. */
export const bazelRemote: ServerKind = {
  name: 'bazel-remote',
  durability: 'every blob is synced before it is acknowledged',
  configuration:
    '`--storage_mode uncompressed --access_log_level none`: the faster one for what is not compressed',
  obtain: (say) => program.obtain(say),
  version: () => program.version(),
  command: (folder, port) => command(folder, port, []),
  // What its mode of storage leaves as it is has this ending, after digits that tell versions of a blob apart.
  blobFile: (folder, hash) => join(folder, 'volume', 'cas.v2', hash.slice(0, 2), `${hash}-1.v1`),
  tlsCommand: (folder, port, { certificateFile, keyFile }) =>
    command(folder, port, ['--tls_cert_file', certificateFile, '--tls_key_file', keyFile]),
};

function command(folder: string, port: number, options: string[]): Command {
  return {
    program: program.path,
    args: [
      ['--dir', join(folder, 'volume')],
      ['--max_size', '64'],
      ['--storage_mode', 'uncompressed'],
      ['--access_log_level', 'none'],
      ['--http_address', `unix://${join(folder, 'http.sock')}`],
      ['--grpc_address', `127.0.0.1:${port}`],
      options,
    ].flat(),
  };
}
