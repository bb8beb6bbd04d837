// Names that lead out of the volume. In the reference server a digest's hash and a reference's key become
// part of a path as they are.
import assert from 'node:assert/strict';
import { access, mkdir, readFile, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { Digest } from '../../../src/gen/build/bazel/remote/execution/v2/remote_execution.ts';
import type { PlainServer } from '../../support/bst-plain-server.ts';
import { blobOf, failure, putBatch, read } from '../../support/wire.ts';
import type { Denial } from './denial.ts';

const longAgo = new Date('2001-02-03T04:05:06Z');
const secret = 'not for everyone\n';

/** Reaches `name` in the folder beside the volume, seen from the folder of references. */
const dots = (name: string): string => `../../../../outside/${name}`;

export const pathDenials: Denial[] = [
  {
    name: 'BatchReadBlobs reads no file by an absolute path in a hash',
    referenceFails: /the file was read/,
    async check({ pull, outside }) {
      const path = await oldFile(outside, secret);
      const digests = [{ hash: `aa${path}`, sizeBytes: BigInt(secret.length) }];
      const request = { instanceName: '', digests, acceptableCompressors: [], digestFunction: 0 as const };
      const answer = await pull.cas.batchReadBlobs(request).catch(() => ({ responses: [] }));
      const data = answer.responses.map((response) => Buffer.from(response.data).toString());
      assert.ok(!data.includes(secret), 'the file was read');
      assert.equal((await failure(pull.cas.batchReadBlobs(request))).status, 'INVALID_ARGUMENT');
    },
  },
  {
    name: 'Read reads no file above the objects by a hash that begins with dots',
    referenceFails: /the file was read/,
    async check({ pull, volume }) {
      await writeFile(join(volume, 'cas', 'secret'), secret);
      // The first two characters of a hash name a folder of cas/objects, here the one above.
      const name = `blobs/..secret/${secret.length}`;
      const data = await read(pull, name).catch(() => '');
      assert.ok(data.toString() !== secret, 'the file was read');
      assert.equal((await failure(read(pull, name))).status, 'NOT_FOUND');
    },
  },
  {
    name: 'FindMissingBlobs does not tell whether a path exists',
    referenceFails: /it was told apart/,
    async check({ pull, outside }) {
      const path = await oldFile(outside, secret);
      const ask = async (hash: string): Promise<number | string> => {
        const blobDigests = [{ hash, sizeBytes: 1n }];
        const call = pull.cas.findMissingBlobs({ instanceName: '', blobDigests, digestFunction: 0 });
        return call
          .then(({ missingBlobDigests }) => missingBlobDigests.length)
          .catch(async () => (await failure(call)).status);
      };
      assert.equal(await ask(`aa${path}`), await ask(`aa${path}-that-is-not-there`), 'it was told apart');
      assert.equal(await ask(`aa${path}`), 'INVALID_ARGUMENT');
    },
  },
  {
    name: 'FindMissingBlobs changes no time of a file outside',
    referenceFails: /the file was touched/,
    async check({ pull, outside }) {
      const path = await oldFile(outside, secret);
      const blobDigests = [{ hash: `aa${path}`, sizeBytes: 1n }];
      await pull.cas
        .findMissingBlobs({ instanceName: '', blobDigests, digestFunction: 0 })
        .catch(() => undefined);
      assert.deepEqual((await stat(path)).mtime, longAgo, 'the file was touched');
    },
  },
  {
    name: 'GetReference with dots deletes no file',
    referenceFails: /the file was deleted/,
    check: async (server) => assertGetReferenceDeletesNothing(server, dots('victim')),
  },
  {
    name: 'GetReference with an absolute key deletes no file',
    referenceFails: /the file was deleted/,
    check: async (server) => assertGetReferenceDeletesNothing(server, join(server.outside, 'victim')),
  },
  {
    name: 'UpdateReference with dots writes no file',
    referenceFails: /a file was written/,
    check: async (server) => assertUpdateReferenceWritesNothing(server, dots('victim')),
  },
  {
    name: 'UpdateReference with an absolute key writes no file',
    referenceFails: /a file was written/,
    check: async (server) => assertUpdateReferenceWritesNothing(server, join(server.outside, 'victim')),
  },
  {
    name: 'UpdateReference overwrites no file outside',
    referenceFails: /the file was overwritten/,
    async check(server) {
      const path = await oldFile(server.outside, secret);
      const { status } = await updateReference(server, dots('victim'));
      assert.equal(await readFile(path, 'utf8'), secret, 'the file was overwritten');
      assert.equal(status, 'INVALID_ARGUMENT');
    },
  },
];

async function assertGetReferenceDeletesNothing(
  { pull, outside, volume }: PlainServer,
  key: string,
): Promise<void> {
  // Whatever can be parsed as the digest of something that is not there is a victim.
  const path = await oldFile(outside, Digest.encode(blobOf('nowhere').digest).finish());
  await mkdir(join(volume, 'cas', 'refs', 'heads'), { recursive: true });
  const { status } = await failure(pull.references.getReference({ instanceName: '', key }));
  assert.ok(await exists(path), 'the file was deleted');
  assert.equal(status, 'INVALID_ARGUMENT');
}

async function assertUpdateReferenceWritesNothing(server: PlainServer, key: string): Promise<void> {
  const { status } = await updateReference(server, key);
  assert.ok(!(await exists(join(server.outside, 'victim'))), 'a file was written');
  assert.equal(status, 'INVALID_ARGUMENT');
}

/** Tries to make the key name a tree that is complete. */
async function updateReference({ push }: PlainServer, key: string): Promise<{ status: string }> {
  const emptyFolder = blobOf('');
  await putBatch(push, [emptyFolder]);
  const call = push.references.updateReference({ instanceName: '', keys: [key], digest: emptyFolder.digest });
  return call.then(() => ({ status: 'OK' })).catch(() => failure(call));
}

/** A file of the operator's that has not been touched for long. */
async function oldFile(folder: string, contents: string | Uint8Array): Promise<string> {
  const path = join(folder, 'victim');
  await writeFile(path, contents);
  await utimes(path, longAgo, longAgo);
  return path;
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
