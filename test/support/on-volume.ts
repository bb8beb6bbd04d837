import { rmSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { startWeir, type Weir } from './weir.ts';
import { type Clients, clientsAt } from './wire.ts';

const removal = { recursive: true, force: true, maxRetries: 5 };
/** Those that a server was still at when their test ended. */
const left = new Set<string>();
process.once('exit', () => {
  for (const volume of left) rmSync(volume, removal);
});

/** A directory that several servers of a test may serve one after the other; it goes when the test ends. */
export async function freshVolume(t: TestContext): Promise<string> {
  const volume = await mkdtemp(join(tmpdir(), 'weir-volume-'));
  left.add(volume);
  // What a test wants done after it is done in the order in which it said so: servers that it ends so may run still.
  t.after(() =>
    rm(volume, removal).then(
      () => left.delete(volume),
      () => {},
    ),
  );
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
