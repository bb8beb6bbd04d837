// Whoever gets a Tree message puts its directories together from it alone.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { BinaryWriter } from '@bufbuild/protobuf/wire';
import { Directory, Tree } from '../../src/gen/build/bazel/remote/execution/v2/remote_execution.ts';
import {
  blobBy,
  digestFunctionOf,
  directoryOf,
  getAction,
  type Hashing,
  outputDirectory,
  putBlobs,
  resultOf,
  updateAction,
} from '../support/action-samples.ts';
import { served, type Served } from '../support/served.ts';
import { type Blob, failure, randomBlob } from '../support/wire.ts';

void describe('a Tree message that a result leads to', () => {
  let site: Served;
  served((it) => (site = it));

  const bytesOf = (directory: Directory) => Directory.encode(directory).finish();

  /** Stores a Tree message and tries to have a result that leads to it. */
  async function pushed(hashing: Hashing, tree: Uint8Array, files: readonly Blob[]) {
    const message = await blobBy(hashing, tree);
    const digestFunction = digestFunctionOf(hashing);
    await putBlobs(site.push, [...files, message], digestFunction);
    const actionDigest = (await blobBy(hashing, randomBlob(20).data)).digest;
    const result = resultOf({ outputDirectories: [outputDirectory('out', { tree: message.digest })] });
    const subject = { actionDigest, digestFunction, result };
    await updateAction(site.push, subject);
    return await getAction(site.pull, subject);
  }

  for (const hashing of ['sha256', 'sha512', 'blake3'] as const) {
    test(`is refused when its directories name one that is not in it (${hashing})`, async () => {
      const file = await blobBy(hashing, randomBlob(30).data);
      const grandchild = await blobBy(hashing, bytesOf(directoryOf(file)));
      const child = directoryOf(file, grandchild);
      const root = directoryOf(file, await blobBy(hashing, bytesOf(child)));
      const lacking = [
        { root, children: [] },
        { root, children: [child] },
        { root, children: [directoryOf(file)] },
      ];
      for (const tree of lacking) {
        const bytes = Tree.encode(tree).finish();
        // That it is here as a blob is of no use to whoever has the Tree.
        const refused = await failure(pushed(hashing, bytes, [file, grandchild]));
        assert.equal(refused.status, 'INVALID_ARGUMENT');
        assert.match(refused.message, /names the directory .* not among its children/);
      }
      const whole = Tree.encode({ root, children: [child, directoryOf(file)] }).finish();
      assert.equal((await pushed(hashing, whole, [file])).outputDirectories.length, 1);
    });
  }

  test('is taken with directories of which the client knows more than the server', async () => {
    const file = randomBlob(30);
    const child = Buffer.concat([
      bytesOf(directoryOf(file)),
      new BinaryWriter()
        .uint32((999 << 3) | 2)
        .string('of a later version')
        .finish(),
    ]);
    const root = directoryOf(file, await blobBy('sha256', child));
    const children = new BinaryWriter()
      .uint32((2 << 3) | 2)
      .bytes(child)
      .finish();
    const tree = Buffer.concat([Tree.encode({ root, children: [] }).finish(), children]);
    assert.equal((await pushed('sha256', tree, [file])).outputDirectories.length, 1);
  });

  test('is taken without the empty directories that it names', async () => {
    const file = randomBlob(30);
    const root = directoryOf(file, await blobBy('sha256', Buffer.alloc(0)));
    const tree = Tree.encode({ root, children: [] }).finish();
    assert.equal((await pushed('sha256', tree, [file])).outputDirectories.length, 1);
  });
});
