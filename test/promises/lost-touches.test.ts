import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe } from 'node:test';
import { anotherBoot } from '../support/another-boot.ts';
import { diskImage, noDiskImage } from '../support/disk-image.ts';
import { eventually } from '../support/eventually.ts';
import { testWith } from '../support/real-parts.ts';
import { startWeir } from '../support/weir.ts';
import { type Clients, clientsAt, failure, findMissing, putBatch, randomBlob } from '../support/wire.ts';

const mebibyte = 1024 * 1024;
const lease = { LEASE_SECONDS: '600' };
const quota = { QUOTA: `${20 * mebibyte}` };

describe('after a power cut', { skip: noDiskImage }, () => {
  testWith('disk-images')(
    'nothing is removed until all leases of before are over, however old the times of files are',
    async (t) => {
      const folder = await mkdtemp(join(tmpdir(), 'weir-reboot-'));
      const image = await diskImage({ kind: 'ext4', bytes: 256 * mebibyte });
      t.after(async () => {
        await image.remove();
        await rm(folder, { recursive: true });
      });
      const volume = image.path;
      const blobs = Array.from({ length: 15 }, () => randomBlob(mebibyte));
      const digests = blobs.map(({ digest }) => digest);
      const before = await startWeir({ volume, env: lease });
      const filler = clientsAt(before.pushAddress);
      for (const blob of blobs) await putBatch(filler, [blob]);
      filler.close();
      await before.kill();
      await before.stop();
      // As if all touches had been lost with the memory that they were in.
      image.age(
        digests.map(({ hash }) => join('cas', 'objects', hash.slice(0, 2), hash.slice(2))),
        7200,
      );

      const under = await anotherBoot(folder, 300);
      const begun = await startWeir({ volume, env: { ...lease, ...quota }, under });
      const push = clientsAt(begun.pushAddress);
      assert.equal((await refused(push)).status, 'RESOURCE_EXHAUSTED');
      await eventually(() => begun.output().includes('the machine went down under a server'));
      assert.doesNotMatch(begun.output(), /"made .*room/);
      assert.deepEqual(await findMissing(push, digests.slice(0, 2)), []);
      push.close();
      await begun.stop();

      // Where the machine did not go down, what is so old goes at once.
      const other = await startWeir({ volume, env: { ...lease, ...quota } });
      const pull = clientsAt(other.pullAddress);
      await eventually(() => other.output().includes('"made '));
      assert.ok((await findMissing(pull, digests)).length > 0, 'room was made');
      assert.deepEqual(await findMissing(pull, digests.slice(0, 2)), [], 'what somebody looked at stays');
      pull.close();
      await other.stop();
    },
  );
});

/** Uploads until there is no room, which asks for some. */
async function refused(push: Clients): Promise<{ status: string }> {
  for (;;) {
    const refusal = await failure(putBatch(push, [randomBlob(mebibyte)])).catch(() => undefined);
    if (refusal !== undefined) return refusal;
  }
}
