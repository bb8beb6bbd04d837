import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { startWeir, type Weir } from './weir.ts';
import { type Clients, clientsAt } from './wire.ts';

/** A directory that several servers of a test may serve one after the other; it goes when the test ends. */
export async function freshVolume(t: TestContext): Promise<string> {
  const volume = await mkdtemp(join(tmpdir(), 'weir-volume-'));
  t.after(() => rm(volume, { recursive: true, force: true }));
  return volume;
}

/** Serves a volume while the work lasts; its clients are those of the push listener. */
export async function withServerOn<T>(
  volume: string,
  env: Record<string, string>,
  work: (clients: Clients, weir: Weir) => Promise<T>,
): Promise<T> {
  const weir = await startWeir({ volume, env });
  const clients = clientsAt(weir.pushAddress);
  try {
    return await work(clients, weir);
  } finally {
    clients.close();
    await weir.stop();
  }
}
