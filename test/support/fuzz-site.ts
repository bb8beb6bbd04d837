import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually } from './eventually.ts';
import { assertNoFaultOfOurs } from './faults-of-ours.ts';
import { assertOnlyInPlace, folderState } from './fuzz-folder.ts';
import { openDescriptors } from './fuzz-process.ts';
import { startWeir, type Weir, type WeirOptions } from './weir.ts';
import { blobOf, type Blob, type Clients, clientsAt, downloadName, read, uploadName, write } from './wire.ts';

/** A server to be ill-treated, with things beside its volume that nobody may touch. */
export interface FuzzSite {
  readonly weir: Weir;
  readonly push: Clients;
  readonly pull: Clients;
  /** Is there from the start. */
  readonly blob: Blob;
  /**
   * Fails unless the server is as it was: alive and answering, the volume in order, everything beside
   * it untouched, no more descriptors open than before, no temporary file left, no error in the log that it did not expect.
   */
  assertUnharmed(): Promise<void>;
  /** Fails when a message to a client tells where something is on the server. */
  assertTellsNoPath(message: string): void;
  stop(): Promise<void>;
}

/** How the uploads are called that may be gone on with. */
const kept = 'weir-kept-';
/** Connections and timers of the moment. */
const slack = 8;

export async function startFuzzSite(options: WeirOptions = {}): Promise<FuzzSite> {
  const ground = await mkdtemp(join(tmpdir(), 'weir-fuzz-'));
  const volume = join(ground, 'volume');
  await surround(ground);
  const weir = await startWeir({ ...options, volume });
  const push = clientsAt(weir.pushAddress);
  const pull = clientsAt(weir.pullAddress);
  const blob = blobOf('what every attack finds already there');
  await write(push, uploadName(blob), blob.data);
  await read(pull, downloadName(blob));
  const before = await outside(ground);
  const descriptors = await openDescriptors(weir.pid);

  return {
    weir,
    push,
    pull,
    blob,
    async assertUnharmed() {
      assert.deepEqual(await read(pull, downloadName(blob)), Buffer.from(blob.data));
      assert.equal((await fetch(`${weir.opsUrl}/livez`)).status, 200);
      assert.deepEqual(await outside(ground), before, 'something beside the volume has changed');
      await assertOnlyInPlace(volume);
      assertNoFaultOfOurs(weir.output());
      await eventually(async () => (await openDescriptors(weir.pid)) <= descriptors + slack);
      await eventually(async () =>
        (await readdir(join(volume, 'tmp'))).every((name) => name.startsWith(kept)),
      );
    },
    assertTellsNoPath(message) {
      assert.ok(!message.includes(ground), message);
      // What the client itself has said, and names of methods, are no secret.
      const own = message.replaceAll(/"(\\.|[^"\\])*"|\/[\w.]+\.[A-Z]\w+\/[A-Z]\w+/g, '');
      assert.ok(!own.includes(process.cwd()), message);
      assert.doesNotMatch(own, /(^|[\s'(=])\/[A-Za-z]/, 'looks like an absolute path');
      assert.doesNotMatch(own, /node_modules|\.js:|weir-/, 'names a file of the server');
    },
    async stop() {
      push.close();
      pull.close();
      await weir.stop();
      await rm(ground, { recursive: true, force: true });
    },
  };
}

/** Files, folders and a link of the names that attacks go for. */
async function surround(ground: string): Promise<void> {
  const folders = ['beside', 'etc', 'cas/objects/aa', 'cas/refs/heads', 'objects', 'refs', 'heads', 'tmp'];
  for (const folder of folders) {
    await mkdir(join(ground, folder), { recursive: true });
    await writeFile(join(ground, folder, 'canary'), `a canary in ${folder}`);
  }
  await writeFile(join(ground, 'passwd'), 'a canary');
  await symlink('beside', join(ground, 'link'));
}

async function outside(ground: string): Promise<unknown> {
  const state = await folderState(ground, true);
  return Object.entries(state).filter(([path]) => path !== 'volume' && !path.startsWith('volume/'));
}
