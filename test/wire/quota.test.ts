import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdir, readFile, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { resultOf } from '../support/actions.ts';
import { eventually } from '../support/eventually.ts';
import { scraped } from '../support/scraped.ts';
import { directoryBlob } from '../support/trees.ts';
import { blobFile } from '../support/volume-damage.ts';
import { startWeir, type Weir } from '../support/weir.ts';
import {
  type Blob,
  type Clients,
  clientsAt,
  failure,
  findMissing,
  putBatch,
  randomBlob,
  uploadName,
  write,
} from '../support/wire.ts';

const mebibyte = 1024 * 1024;
const quota = 40 * mebibyte;
/** Nothing is promised for longer than it takes to say so. */
const shortLease = { LEASE_SECONDS: '0', QUOTA: String(quota) };

interface Site {
  readonly weir: Weir;
  readonly clients: Clients;
}

async function withServer(env: Record<string, string>, work: (site: Site) => Promise<void>): Promise<void> {
  const weir = await startWeir({ env });
  const clients = clientsAt(weir.pushAddress);
  try {
    await work({ weir, clients });
  } finally {
    clients.close();
    await weir.stop();
  }
}

/** Bytes on disk below a volume, as du counts them. */
/** The least of three looks: a blob that is moved to the trash while du walks may count twice. */
function diskUsage(volume: string): number {
  const looks = [1, 2, 3].map(() =>
    Number(execFileSync('du', ['--summarize', '--block-size=1', volume]).toString().split('\t')[0]),
  );
  return Math.min(...looks);
}

/** What was uploaded in the last two seconds cannot go yet, even here: then the client tries again. */
async function insist(clients: Clients, blob: Blob): Promise<void> {
  await eventually(async () => (await write(clients, uploadName(blob), blob.data).catch(() => 0n)) > 0n);
}

async function fill(clients: Clients, count: number): Promise<Blob[]> {
  const blobs = Array.from({ length: count }, () => randomBlob(2 * mebibyte));
  for (const blob of blobs) await insist(clients, blob);
  return blobs;
}

function hashesOf(blobs: readonly Blob[]) {
  return blobs.map(({ digest }) => digest);
}

async function age(path: string, seconds: number): Promise<void> {
  const time = Date.now() / 1000 - seconds;
  await utimes(path, time, time);
}

void describe('a quota', () => {
  void test('is kept by uploads of several times as much, all of which are taken', async () => {
    await withServer(shortLease, async ({ weir, clients }) => {
      for (let count = 0; count < 80; count++) {
        const blob = randomBlob(2 * mebibyte);
        await insist(clients, blob);
        if (count % 8 > 0) continue;
        // Folders count for du, and are no blobs: 256 of them and some.
        const used = diskUsage(weir.volume) - 300 * 4096;
        assert.ok(used <= quota, `${used} bytes are used`);
      }
      assert.ok((await scraped(weir.opsUrl, 'weir_evicted_blobs_total')) > 0);
      assert.equal(await scraped(weir.opsUrl, 'weir_quota_bytes'), quota);
    });
  });

  void test('is measured: what is there when the server starts counts, within a twentieth of what du says', async () => {
    const first = await startWeir({ env: { LEASE_SECONDS: '3600' } });
    const filling = clientsAt(first.pushAddress);
    await fill(filling, 10);
    await putBatch(
      filling,
      Array.from({ length: 500 }, () => randomBlob(3000)),
    );
    filling.close();
    await first.kill();
    const second = await startWeir({ volume: first.volume, env: { QUOTA: String(1000 * mebibyte) } });
    try {
      await eventually(() => second.output().includes('measured what the cache takes'));
      const used = await scraped(second.opsUrl, 'weir_used_bytes');
      const counted = diskUsage(join(first.volume, 'cas', 'objects')) - 257 * 4096;
      assert.ok(Math.abs(used - counted) < counted / 20, `${used} measured, ${counted} by du`);
      const clients = clientsAt(second.pushAddress);
      await fill(clients, 3);
      clients.close();
      const more = (await scraped(second.opsUrl, 'weir_used_bytes')) - used;
      assert.ok(Math.abs(more - 6 * mebibyte) < mebibyte / 2, `${more} more for 6 MiB`);
    } finally {
      await second.stop();
      await first.stop();
    }
  });

  void test('is kept by removing what was used longest ago, and not what was used since', async () => {
    await withServer(shortLease, async ({ weir, clients }) => {
      const [old, used] = [await fill(clients, 7), await fill(clients, 4)];
      for (const blob of [...old, ...used]) await age(blobFile(weir.volume, blob), 10_000);
      await findMissing(clients, hashesOf(used));
      await fill(clients, 8);
      await eventually(async () => (await scraped(weir.opsUrl, 'weir_evicted_blobs_total')) > 0);
      await eventually(async () => (await readdir(join(weir.volume, 'weir', 'trash'))).length === 0);
      assert.deepEqual(await findMissing(clients, hashesOf(used)), []);
    });
  });

  void test('spares what is leased: uploads are refused with the numbers, reads go on', async () => {
    await withServer({ ...shortLease, LEASE_SECONDS: '3600' }, async ({ clients }) => {
      const kept: Blob[] = [];
      let refusal: { status: string; message: string } | undefined;
      while (refusal === undefined) {
        const blob = randomBlob(2 * mebibyte);
        refusal = await failure(write(clients, uploadName(blob), blob.data)).catch(() => undefined);
        if (refusal === undefined) kept.push(blob);
      }
      assert.equal(refusal.status, 'RESOURCE_EXHAUSTED');
      assert.match(refusal.message, /\d+ of the 41943040 bytes of the quota are used \(QUOTA\)/);
      assert.ok(kept.length >= 18, `${kept.length} blobs of 2 MiB were taken`);
      assert.deepEqual(await findMissing(clients, hashesOf(kept)), []);
    });
  });

  void test('refuses at once what is larger than all of it', async () => {
    await withServer(shortLease, async ({ clients }) => {
      const name = uploadName({
        ...randomBlob(1),
        digest: { hash: 'a'.repeat(64), sizeBytes: BigInt(quota) + 1n },
      });
      const refusal = await failure(write(clients, name, Buffer.alloc(10)));
      assert.equal(refusal.status, 'RESOURCE_EXHAUSTED');
      assert.match(refusal.message, /can never fit: the quota is 41943040 bytes/);
    });
  });

  void test('refuses parallel uploads that would overrun it together', async () => {
    await withServer({ ...shortLease, LEASE_SECONDS: '3600' }, async ({ weir, clients }) => {
      const uploads = Array.from({ length: 40 }, () => randomBlob(2 * mebibyte));
      const outcomes = await Promise.allSettled(
        uploads.map((blob) => write(clients, uploadName(blob), blob.data, 64 * 1024)),
      );
      const taken = outcomes.filter(({ status }) => status === 'fulfilled').length;
      assert.ok(taken <= 20, `${taken} uploads of 2 MiB were taken`);
      const used = diskUsage(join(weir.volume, 'cas', 'objects')) - 300 * 4096;
      assert.ok(used <= quota, `${used} bytes are used`);
    });
  });

  void test('is a flag of bst-artifact-server, and a setting that has to make sense', async () => {
    const run = (args: string[], env: Record<string, string> = {}) => {
      const bin = join(import.meta.dirname, '..', '..', 'bin', args[0] ?? '');
      try {
        execFileSync(process.execPath, [bin, ...args.slice(1)], {
          env: { ...process.env, ...env },
          stdio: 'pipe',
        });
      } catch (error) {
        return String((error as { stderr: Buffer }).stderr);
      }
      return '';
    };
    assert.match(run(['bst-artifact-server', '--port', '0', '--quota', 'much', '.']), /not a valid integer/);
    assert.match(
      run(['bst-artifact-server', '--port', '0', '--quota', '-1', '.']),
      /'--quota': -1 is less than 0/,
    );
    assert.match(run(['weir', 'serve'], { QUOTA: 'much' }), /QUOTA: "much" is no number of bytes/);
    await withServer({ QUOTA: 'none' }, async ({ weir }) => {
      assert.equal(await scraped(weir.opsUrl, 'weir_quota_bytes'), 0);
    });
  });
});

void describe('what is found by a key', () => {
  /** An action result and a reference, both used long ago or not, and enough uploads to make room. */
  async function withRecords(
    work: (site: Site & { result: string; reference: string; action: Blob }) => Promise<void>,
  ): Promise<void> {
    await withServer(shortLease, async (site) => {
      const { weir, clients } = site;
      const action = randomBlob(100);
      const root = directoryBlob({ file: randomBlob(10) });
      const file = randomBlob(10);
      const tree = directoryBlob({ file });
      await putBatch(clients, [file, tree, root]);
      await clients.actions.updateActionResult({
        instanceName: '',
        actionDigest: action.digest,
        actionResult: resultOf({ exitCode: 7 }),
        resultsCachePolicy: undefined,
        digestFunction: 0,
      });
      await clients.references.updateReference({ instanceName: '', keys: ['p/e/k'], digest: tree.digest });
      const { hash } = action.digest;
      const result = join(weir.volume, 'weir', 'ac', '=', 'sha256', hash.slice(0, 2), hash.slice(2));
      const reference = join(weir.volume, 'cas', 'refs', 'heads', 'p', 'e', 'k');
      for (const path of [result, reference]) await age(path, 10_000);
      await work({ ...site, result, reference, action });
    });
  }

  async function getResult({ clients, action }: { clients: Clients; action: Blob }) {
    return await clients.actions.getActionResult({
      instanceName: '',
      actionDigest: action.digest,
      inlineStdout: false,
      inlineStderr: false,
      inlineOutputFiles: [],
      digestFunction: 0,
    });
  }

  const isThere = async (path: string) => (await stat(path).catch(() => undefined)) !== undefined;

  void test('goes when it was not used for longest', async () => {
    await withRecords(async ({ weir, clients, result, reference }) => {
      for (const blob of await fill(clients, 9)) await age(blobFile(weir.volume, blob), 9000);
      await eventually(async () => {
        await fill(clients, 2);
        return !(await isThere(result)) && !(await isThere(reference));
      });
      await eventually(async () => (await scraped(weir.opsUrl, 'weir_evicted_records_total')) >= 2);
    });
  });

  void test('stays when it was used since', async () => {
    await withRecords(async ({ weir, clients, result, reference, action }) => {
      for (const blob of await fill(clients, 12)) await age(blobFile(weir.volume, blob), 9000);
      await getResult({ clients, action });
      await clients.references.getReference({ instanceName: '', key: 'p/e/k' });
      await fill(clients, 7);
      await eventually(async () => (await scraped(weir.opsUrl, 'weir_evicted_blobs_total')) > 0);
      assert.deepEqual([await isThere(result), await isThere(reference)], [true, true]);
    });
  });

  void test('goes back to its place when somebody asks for it on its way out', async () => {
    await withRecords(async ({ weir, clients, result, reference, action }) => {
      const run = join(weir.volume, 'weir', 'trash', 'a-run', 'records');
      for (const path of [result, reference]) {
        const to = join(run, path.slice(weir.volume.length + 1));
        execFileSync('mkdir', ['-p', join(to, '..')]);
        execFileSync('mv', [path, to]);
      }
      assert.equal((await getResult({ clients, action })).exitCode, 7);
      await clients.references.getReference({ instanceName: '', key: 'p/e/k' });
      assert.deepEqual([await isThere(result), await isThere(reference)], [true, true]);
    });
  });
});

void describe('after the machine went down', () => {
  void test('under a server, nothing is removed until the leases of before are over', async () => {
    const first = await startWeir({ env: { LEASE_SECONDS: '0' } });
    await first.kill();
    const [mark] = await readdir(join(first.volume, 'weir', 'processes'));
    const path = join(first.volume, 'weir', 'processes', mark ?? '');
    assert.match(await readFile(path, 'utf8'), /^[0-9a-f-]{36}$/);
    await writeFile(path, 'another start of the machine');
    // Longer than any machine has been up when this runs.
    const env = { LEASE_SECONDS: '2000000', QUOTA: String(quota) };
    const second = await startWeir({ volume: first.volume, env });
    const clients = clientsAt(second.pushAddress);
    try {
      let refusal: { status: string } | undefined;
      while (refusal === undefined) {
        const blob = randomBlob(2 * mebibyte);
        refusal = await failure(write(clients, uploadName(blob), blob.data)).catch(() => undefined);
      }
      await eventually(() =>
        second.output().includes('the machine went down under a server: nothing is removed'),
      );
    } finally {
      clients.close();
      await second.stop();
      await first.stop();
    }
  });

  void test('in order, there is nothing to wait for', async () => {
    const first = await startWeir();
    const marks = join(first.volume, 'weir', 'processes');
    assert.equal((await readdir(marks)).length, 1);
    const { volume } = first;
    const second = await startWeir({ volume });
    assert.equal((await readdir(marks)).length, 2);
    await second.stop();
    assert.equal((await readdir(marks)).length, 1);
    await first.stop();
  });
});
