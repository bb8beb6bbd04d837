import type { Directory } from '../../src/gen/build/bazel/remote/execution/v2/remote_execution.ts';
import { Directory as DirectoryMessage } from '../../src/gen/build/bazel/remote/execution/v2/remote_execution.ts';
import { pushBlob } from './assets.ts';
import { type Weir, type WeirOptions, startWeir } from './weir.ts';
import { type Blob, blobOf, type Clients, clientsAt, putBatch } from './wire.ts';

/** A file, a folder of more, or where a link leads. */
export type Content = string | Buffer | { readonly [name: string]: Content } | { readonly link: string };

/** A server with a status page, and who pushes to it. */
export interface StatusSite {
  readonly weir: Weir;
  readonly clients: Clients;
  /** Pushes a tree under the key of a reference, as BuildStream 1 does; resolves with its blobs by path, '' for the root. */
  readonly push: (
    key: string,
    tree: Readonly<Record<string, Content>>,
    instanceName?: string,
  ) => Promise<Map<string, Blob>>;
  /** The same as BuildStream 2 does: under a URI, with a blob that refers to the tree. */
  pushAsset(uri: string, tree: Readonly<Record<string, Content>>): Promise<Map<string, Blob>>;
  stop(): Promise<void>;
}

/** `headers` go with every call, for a server that asks for a token. */
export async function startStatusSite(
  options: WeirOptions = {},
  headers: Record<string, string> = {},
): Promise<StatusSite> {
  const weir = await startWeir({ tcp: true, ...options });
  const clients = clientsAt(weir.pushAddress, undefined, headers);

  async function upload(tree: Readonly<Record<string, Content>>): Promise<Map<string, Blob>> {
    const blobs = new Map<string, Blob>();
    treeBlobs(tree, '', blobs);
    await putBatch(clients, [
      ...new Map([...blobs.values()].map((blob) => [blob.digest.hash, blob])).values(),
    ]);
    return blobs;
  }

  return {
    weir,
    clients,
    async push(key, tree, instanceName = '') {
      const blobs = await upload(tree);
      await clients.references.updateReference({ instanceName, keys: [key], digest: rootOf(blobs).digest });
      return blobs;
    },
    async pushAsset(uri, tree) {
      const blobs = await upload(tree);
      const proto = blobOf(`artifact of ${uri}`);
      await putBatch(clients, [proto]);
      await pushBlob(clients, [uri], proto.digest, { referencesDirectories: [rootOf(blobs).digest] });
      return blobs;
    },
    async stop() {
      clients.close();
      await weir.stop();
    },
  };
}

function rootOf(blobs: ReadonlyMap<string, Blob>): Blob {
  const root = blobs.get('');
  if (root === undefined) throw new Error('a tree without a root');
  return root;
}

/** The Directory message of a tree; it and all below it are put among the blobs. */
function treeBlobs(tree: Readonly<Record<string, Content>>, path: string, blobs: Map<string, Blob>): Blob {
  const message: Directory = { files: [], directories: [], symlinks: [], nodeProperties: undefined };
  for (const [name, content] of Object.entries(tree)) {
    const below = path === '' ? name : `${path}/${name}`;
    if (typeof content === 'string' || Buffer.isBuffer(content)) {
      const blob = blobOf(content);
      blobs.set(below, blob);
      message.files.push({
        name,
        digest: blob.digest,
        isExecutable: name.endsWith('.sh'),
        nodeProperties: undefined,
      });
    } else if (isLink(content))
      message.symlinks.push({ name, target: content.link, nodeProperties: undefined });
    else message.directories.push({ name, digest: treeBlobs(content, below, blobs).digest });
  }
  const blob = blobOf(DirectoryMessage.encode(message).finish());
  blobs.set(path, blob);
  return blob;
}

function isLink(content: object): content is { readonly link: string } {
  return typeof (content as { link?: unknown }).link === 'string';
}
