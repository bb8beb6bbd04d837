import assert from 'node:assert/strict';
import {
  type Digest,
  Digest as DigestMessage,
} from '../../src/gen/build/bazel/remote/execution/v2/remote_execution.ts';
import { getAction, putBlobs, type SampleAction, sampleAction, updateAction } from './action-samples.ts';
import { fetchBlob, fetchDirectory, pushBlob, pushDirectory } from './assets.ts';
import { directoryBlob, type SampleTree, sampleTree } from './trees.ts';
import {
  type Blob,
  blobOf,
  type Clients,
  downloadName,
  putBatch,
  randomBlob,
  read,
  uploadName,
  write,
} from './wire.ts';

export const key = 'project/element/one';
/** Of the instance `team/a`. */
export const keyOfTeam = 'project/element/two';
export const artifactUri = 'urn:fdc:buildstream.build:2020:artifact:project/element/three';
const sourceUri = 'urn:fdc:buildstream.build:2020:source:local/four';

/** Something of each kind that can be copied, with the blobs that it leads to. */
export interface CopiedThings {
  readonly tree: SampleTree;
  /** Of the artifact: what the message is pushed with. */
  readonly artifact: {
    readonly message: Blob;
    readonly files: SampleTree;
    readonly log: Blob;
    readonly large: Blob;
  };
  readonly source: { readonly root: Blob; readonly file: Blob };
  readonly actions: readonly SampleAction[];
  /** What people write to name all of it. */
  readonly refs: readonly string[];
}

/** Pushes it as clients do. */
export async function pushThings(clients: Clients): Promise<CopiedThings> {
  const tree = sampleTree();
  await putBatch(clients, tree.blobs);
  const { digest } = tree.root;
  await clients.references.updateReference({ instanceName: '', keys: [key], digest });
  await clients.references.updateReference({ instanceName: 'team/a', keys: [keyOfTeam], digest });
  const artifact = await pushArtifact(clients);
  const file = randomBlob(700);
  const root = directoryBlob({ file });
  await putBatch(clients, [file, root]);
  await pushDirectory(clients, [sourceUri], root.digest);
  const actions = [await sampleAction(), await sampleAction('blake3')];
  for (const action of actions) {
    await putBlobs(clients, action.blobs.values(), action.digestFunction);
    await updateAction(clients, action);
  }
  return {
    tree,
    artifact,
    source: { root, file },
    actions,
    refs: [key, `team/a:${keyOfTeam}`, artifactUri, sourceUri, ...actions.map(writtenDigest)],
  };
}

/** As BuildStream 2 does: a message that leads to a tree and a log, pushed with both as references. */
async function pushArtifact(clients: Clients): Promise<CopiedThings['artifact']> {
  const large = randomBlob(5_000_000);
  await write(clients, uploadName(large), large.data);
  const tree = sampleTree();
  const root = directoryBlob({ large }, { tree: tree.root });
  const files = { ...tree, root, blobs: [...tree.blobs, root] };
  const log = randomBlob(400);
  const message = blobOf(
    Buffer.concat([
      field(5, Buffer.from('strong-key')),
      field(8, DigestMessage.encode(root.digest).finish()),
      field(
        11,
        Buffer.concat([
          field(1, Buffer.from('build.log')),
          field(2, DigestMessage.encode(log.digest).finish()),
        ]),
      ),
      field(14, DigestMessage.encode(log.digest).finish()),
    ]),
  );
  await putBatch(clients, [...files.blobs, log, message]);
  await pushBlob(clients, [artifactUri], message.digest, {
    referencesBlobs: [log.digest],
    referencesDirectories: [root.digest],
  });
  return { message, files, log, large };
}

/** A field of a message that is bytes, a text or a message. */
function field(number: number, bytes: Uint8Array): Buffer {
  assert.ok(bytes.length < 128 && number < 16);
  return Buffer.concat([Buffer.from([number * 8 + 2, bytes.length]), bytes]);
}

function writtenDigest({ actionDigest, digestFunction }: SampleAction): string {
  return `${digestFunction === 9 ? 'blake3:' : ''}${actionDigest.hash}/${actionDigest.sizeBytes}`;
}

/** Everything is found there under its name, and can be pulled byte by byte. */
export async function assertPullable(
  clients: Clients,
  { tree, artifact, source, actions }: CopiedThings,
): Promise<void> {
  for (const [instanceName, name] of [
    ['', key],
    ['team/a', keyOfTeam],
  ] as const) {
    const { digest } = await clients.references.getReference({ instanceName, key: name });
    assertDigest(digest, tree.root.digest);
  }
  assertDigest((await fetchBlob(clients, [artifactUri])).blobDigest, artifact.message.digest);
  assertDigest((await fetchDirectory(clients, [sourceUri])).rootDirectoryDigest, source.root.digest);
  const blobs = [...tree.blobs, ...artifact.files.blobs, artifact.log, artifact.message, artifact.large];
  for (const blob of [...blobs, source.root, source.file])
    assert.ok((await read(clients, downloadName(blob))).equals(blob.data));
  for (const action of actions) {
    assert.deepEqual(await getAction(clients, action), action.result);
    const named = action.digestFunction === 9 ? 'blake3/' : '';
    for (const { digest, data } of action.blobs.values())
      assert.ok((await read(clients, `blobs/${named}${digest.hash}/${digest.sizeBytes}`)).equals(data));
  }
}

export function assertDigest(found: Digest | undefined, expected: Digest): void {
  assert.equal(`${found?.hash}/${found?.sizeBytes}`, `${expected.hash}/${expected.sizeBytes}`);
}
