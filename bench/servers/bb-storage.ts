import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { GoProgram } from './go-program.ts';
import type { ServerKind } from './server-kind.ts';

const program = new GoProgram({
  name: 'bb_storage',
  module: 'github.com/buildbarn/bb-storage',
  version: 'v0.0.0-20260711051926-bdd785e3d1da',
  package: './cmd/bb_storage',
  // It is made for a module that Bazel changes, which takes any kind of registrar.
  change: {
    file: 'cmd/bb_storage/main.go',
    from: /(bytestream\.RegisterByteStreamServer\(\s*s),/,
    to: '$1.(*grpc.Server),',
  },
});

const mebibyte = 1024 ** 2;

/** Buildbarn's storage, as the example in its own pages has it: one large file of blocks and a map of where blobs are. */
export const bbStorage: ServerKind = {
  name: 'bb-storage',
  durability: 'synced every 300 s',
  configuration: 'local storage of 16 GiB in a file, a map of 256 MiB, persistent',
  obtain: (say) => program.obtain(say),
  version: () => program.version(),
  command(folder, port) {
    const allow = { allow: {} };
    const access = { getAuthorizer: allow, putAuthorizer: allow };
    const settings = {
      contentAddressableStorage: {
        ...access,
        findMissingAuthorizer: allow,
        backend: storage(join(folder, 'cas'), 16_384, 3),
      },
      actionCache: {
        ...access,
        backend: {
          completenessChecking: {
            backend: storage(join(folder, 'ac'), 1024, 1),
            maximumTotalTreeSizeBytes: 16 * mebibyte,
          },
        },
      },
      global: {},
      grpcServers: [{ listenAddresses: [`127.0.0.1:${port}`], authenticationPolicy: allow }],
      executeAuthorizer: allow,
      maximumMessageSizeBytes: 16 * mebibyte,
    };
    const file = join(folder, 'settings.json');
    writeFileSync(file, JSON.stringify(settings));
    return { program: program.path, args: [file] };
  },
};

function storage(folder: string, sizeMebibytes: number, newBlocks: number): object {
  const state = join(folder, 'state');
  mkdirSync(state, { recursive: true });
  const file = (name: string, mebibytes: number) => ({
    file: { path: join(folder, name), sizeBytes: mebibytes * mebibyte },
  });
  return {
    local: {
      keyLocationMapOnBlockDevice: file('map', 256),
      keyLocationMapMaximumGetAttempts: 16,
      keyLocationMapMaximumPutAttempts: 64,
      oldBlocks: 8,
      currentBlocks: 24,
      newBlocks,
      blocksOnBlockDevice: { source: file('blocks', sizeMebibytes), spareBlocks: 3 },
      persistent: { stateDirectoryPath: state, minimumEpochInterval: '300s' },
    },
  };
}
