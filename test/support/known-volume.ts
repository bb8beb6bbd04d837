import type { TestContext } from 'node:test';
import { ChunkingFunction_Value } from '../../src/gen/build/bazel/remote/execution/v2/remote_execution.ts';
import { putBlobs, type SampleAction, sampleAction, updateAction } from './action-samples.ts';
import { pushBlob, pushDirectory } from './assets.ts';
import { freshVolume } from './on-volume.ts';
import { directoryBlob, type SampleTree, sampleTree } from './trees.ts';
import { startWeir } from './weir.ts';
import {
  type Blob,
  blobOf,
  type Clients,
  clientsAt,
  putBatch,
  randomBlob,
  uploadName,
  write,
} from './wire.ts';

/** What a real server has put on a volume, and what of it leads to what. */
export interface KnownVolume {
  readonly volume: string;
  /** `alpha/app/one` of the unnamed instance. */
  readonly one: SampleTree;
  /** `alpha/app/two`: its root has the folder `same`, which is the root of `one`, and the file `more`. */
  readonly two: { readonly root: Blob; readonly more: Blob };
  /** `beta/lib/three` of the instance `team/a`: a file of `one` and one of its own. */
  readonly three: { readonly root: Blob; readonly own: Blob; readonly shared: Blob };
  /** As BuildStream 2 pushes `gamma/tool/four`: a blob that refers to the root of a directory. */
  readonly four: { readonly proto: Blob; readonly root: Blob; readonly file: Blob };
  readonly action: SampleAction;
  /** Led to by the key `build-cache-key`. */
  readonly value: Blob;
  /** Cut into chunks, and led to by nothing else. */
  readonly cut: Blob;
  /** Led to by nothing. */
  readonly loose: Blob;
}

export const artifactUrn = 'urn:fdc:buildstream.build:2020:artifact:gamma/tool/four';

/** Fills a volume by a real server, which has ended when this resolves. */
export async function knownVolume(t: TestContext): Promise<KnownVolume> {
  const volume = await freshVolume(t);
  const server = await startWeir({ volume, tcp: true, http: true });
  const clients = clientsAt(server.pushAddress);
  try {
    return { volume, ...(await filled(clients, server.pushUrl)) };
  } finally {
    clients.close();
    await server.stop();
  }
}

async function filled(clients: Clients, pushUrl: string): Promise<Omit<KnownVolume, 'volume'>> {
  const one = sampleTree();
  const [more, own, proto] = [randomBlob(9000), randomBlob(5000), randomBlob(300)];
  const [file, loose] = [randomBlob(20_000), randomBlob(7000)];
  const shared = one.files[0] ?? own;
  const two = { more, root: directoryBlob({ more }, { same: one.root }) };
  const three = { own, shared, root: directoryBlob({ own, shared }) };
  const four = { proto, file, root: directoryBlob({ file }) };
  await putBatch(clients, [...one.blobs, more, own, proto, file, loose, two.root, three.root, four.root]);
  await reference(clients, '', 'alpha/app/one', one.root);
  await reference(clients, '', 'alpha/app/two', two.root);
  await reference(clients, 'team/a', 'beta/lib/three', three.root);
  await pushBlob(clients, [artifactUrn], proto.digest, { referencesDirectories: [four.root.digest] });
  await pushDirectory(clients, ['urn:of:a:directory'], four.root.digest);
  const action = await sampleAction('blake3');
  await putBlobs(clients, action.blobs.values(), action.digestFunction);
  await updateAction(clients, action);
  const value = blobOf('what a client keeps');
  await fetch(`${pushUrl}/ac/build-cache-key`, { method: 'PUT', body: Buffer.from(value.data) });
  const cut = randomBlob(3_000_000);
  await write(clients, uploadName(cut), cut.data);
  await clients.cas.splitBlob({
    instanceName: '',
    blobDigest: cut.digest,
    digestFunction: 0,
    chunkingFunction: ChunkingFunction_Value.FAST_CDC_2020,
  });
  return { one, two, three, four, action, value, cut, loose };
}

async function reference(
  { references }: Clients,
  instanceName: string,
  key: string,
  root: Blob,
): Promise<void> {
  await references.updateReference({ instanceName, keys: [key], digest: root.digest });
}
