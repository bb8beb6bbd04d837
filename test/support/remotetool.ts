// remotetool as a user runs it.
import { mkdir } from 'node:fs/promises';

import type { Remote } from './bst.ts';
import { runBounded } from './bst-process.ts';
import type { Outcome } from './bst-process.ts';
import { compressedProgram, remotetoolProgram } from './remotetool-build.ts';

export interface RemotetoolClient {
  /** Runs `remotetool --operation OPERATION FLAGS`. Rejects when it does not end in time. */
  run(operation: string, ...flags: string[]): Promise<Outcome>;
  /** Moves blobs with the same library, compressed: `upload FILE…`, `download HASH/SIZE FILE …`. */
  compressed(...args: string[]): Promise<Outcome>;
}

const longestRun = 120_000;

/** A user of the remote, in an instance (some operations do not do without), who works in `home`, which is made. */
export async function remotetoolClient(
  home: string,
  remote: Remote,
  instanceName = 'main',
): Promise<RemotetoolClient> {
  await mkdir(home, { recursive: true });
  const flags = [...connectionFlags(remote), `--instance=${instanceName}`, '--logtostderr'];
  const run = (program: string, args: string[]): Promise<Outcome> =>
    runBounded(program, [...flags, ...args], { cwd: home, env: { HOME: home }, limit: longestRun });
  return {
    run: (operation, ...rest) => run(remotetoolProgram, [`--operation=${operation}`, ...rest]),
    compressed: (...args) => run(compressedProgram, args),
  };
}

function connectionFlags({ url, serverCert, clientCert, clientKey }: Remote): string[] {
  const files = [
    ['tls_ca_cert', serverCert],
    ['tls_client_auth_cert', clientCert],
    ['tls_client_auth_key', clientKey],
  ].flatMap(([flag, file]) => (file === undefined ? [] : [`--${flag}=${file}`]));
  // Its own accounts are those of a cloud; certificates are not among them.
  return [`--service=${new URL(url).host}`, '--use_rpc_credentials=false', ...files];
}
