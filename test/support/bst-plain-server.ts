// A server without TLS and proxy, for tests on the wire that compare Weir with BuildStream's own.
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';

import { startArtifactServer } from './bst-artifact-server.ts';
import type { Implementation } from './bst-artifact-server.ts';
import { temporaryFolder } from './bst-site.ts';
import { startWeir } from './weir.ts';
import { clientsAt } from './wire.ts';
import type { Clients } from './wire.ts';

export interface PlainServer {
  volume: string;
  /** Folder beside the volume that no request may reach. Empty at first. */
  outside: string;
  /** Clients of the listener that everyone may use. */
  pull: Clients;
  /** Clients of the one that takes writes. */
  push: Clients;
  /** Sends SIGTERM and resolves when everything has ended. */
  terminate(this: void): Promise<void>;
}

export interface PlainSetting {
  /** Bytes that uploads have to leave free on the disk. */
  headRoom?: number;
  /** Whether Weir keeps what it has of an interrupted upload, so that it can be gone on with. */
  keepsUploads?: boolean;
  /** How long Weir lets calls end after SIGTERM: by default not long, for tests of what never ends. */
  drainSeconds?: number;
}

/** Starts it for the length of a test. */
export async function startPlainServer(
  t: TestContext,
  implementation: Implementation,
  setting: PlainSetting = {},
): Promise<PlainServer> {
  const folder = await temporaryFolder(t);
  const volume = join(folder, 'volume');
  const outside = join(folder, 'outside');
  await mkdir(outside);
  const start = implementation === 'weir' ? startWeirAlone : startReferencePair;
  const { pullAddress, pushAddress, terminate } = await start(volume, setting);
  const pull = clientsAt(pullAddress);
  const push = clientsAt(pushAddress);
  t.after(async () => {
    pull.close();
    push.close();
    await terminate();
  });
  return { volume, outside, pull, push, terminate };
}

async function startWeirAlone(
  volume: string,
  { headRoom = 1_000_000, keepsUploads, drainSeconds = 2 }: PlainSetting,
) {
  const env = {
    HEAD_ROOM_MIN: `${headRoom}`,
    DRAIN_SECONDS: `${drainSeconds}`,
    UPLOAD_RESUME_SECONDS: keepsUploads === true ? '600' : '0',
  };
  const weir = await startWeir({ volume, tcp: true, env });
  return {
    pullAddress: weir.pullAddress,
    pushAddress: weir.pushAddress,
    terminate: async () => void (await weir.stop()),
  };
}

async function startReferencePair(volume: string, { headRoom = 1_000_000 }: PlainSetting) {
  const flags = ['--head-room-min', `${headRoom}`, '--head-room-max', `${headRoom}`];
  const pull = await startArtifactServer('reference', volume, flags);
  const push = await startArtifactServer('reference', volume, [...flags, '--enable-push']);
  return {
    pullAddress: `127.0.0.1:${pull.port}`,
    pushAddress: `127.0.0.1:${push.port}`,
    terminate: async () => void (await Promise.all([pull.stop(), push.stop()])),
  };
}
