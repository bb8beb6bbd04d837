import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { syncCertificates } from '../../src/certs/sync-certificates.ts';
import { nginxConfiguration } from '../../src/cli/nginx-configuration.ts';
import { findCommand } from '../../test/support/real-parts.ts';
import type { Command, TlsPair } from './server-kind.ts';

/** Both are ended by one signal, and over when both are. */
const script = [
  '"$1" "$2" serve & weir=$!',
  '"$3" -e stderr -c "$4" -g "$5" & nginx=$!',
  `trap 'kill "$nginx" "$weir"' TERM`,
  'wait "$nginx" "$weir"',
  'wait "$nginx" "$weir"',
].join('\n');

/** Weir with the project's own configuration of nginx before it, whose pull port is the port. */
export async function weirBehindNginx(
  weir: string,
  folder: string,
  port: number,
  pair: TlsPair,
): Promise<Command> {
  const [tls, run, volume] = [join(folder, 'tls'), join(folder, 'run'), join(folder, 'volume')];
  const configuration = join(run, 'nginx.conf');
  await mkdir(run);
  await syncCertificates({ folder: dirname(pair.certificateFile), out: tls });
  const settings = {
    NGINX_WORKERS: 'auto',
    NGINX_STREAM_TIMEOUT: '1h',
    NGINX_PULL_LISTEN: `127.0.0.1:${port}`,
    NGINX_PUSH_LISTEN: `unix:${join(run, 'tls.sock')}`,
    NGINX_PUSH_TOKENS: 'off',
    NGINX_SOCKETS: run,
    NGINX_TLS: tls,
    NGINX_VOLUME: volume,
    NGINX_RUN: run,
    NGINX_ACCESS_LOG: `${join(run, 'access.log')} weir_json buffer=4k flush=1s`,
    NGINX_ERROR_LOG: `${join(run, 'error.log')} notice`,
  };
  await writeFile(configuration, await nginxConfiguration(settings));
  // Run by root, its workers would become somebody who may not open Weir's sockets.
  const globals = `daemon off;${process.getuid?.() === 0 ? ' user root;' : ''}`;
  const uploads = `unix:${join(run, 'push.sock')}`;
  return {
    program: 'sh',
    args: [
      '-c',
      script,
      'sh',
      process.execPath,
      weir,
      findCommand('nginx') ?? 'nginx',
      configuration,
      globals,
    ],
    env: {
      VOLUME: volume,
      PULL_LISTEN: `unix:${join(run, 'pull.sock')}`,
      PUSH_LISTEN: uploads,
      OPS_LISTEN: 'none',
    },
    uploads,
  };
}
