import { CacheError } from '../core/cache-error.ts';
import { type Digest, digestText } from '../core/digest.ts';
import type { TreeStore } from '../core/tree-store.ts';
import type {
  Directory,
  GetTreeRequest,
  GetTreeResponse,
} from '../gen/build/bazel/remote/execution/v2/remote_execution.ts';

const mostDirectories = 1000;
/** Bytes of Directory messages in one page, well under what clients take in one message. */
export const mostPageBytes = 1024 * 1024;
const tokenPattern = /^((?:blake3\/)?[0-9a-f]{40,128}\/[0-9]+):([0-9]{1,9})$/;

/**
 * A tree in pages, all in one stream. Each page says where the next begins, and since the order of a
 * tree follows from its root, a later call can go on from there, on this server or on another.
 */
export async function* treePages(
  trees: TreeStore,
  root: Digest,
  request: GetTreeRequest,
  signal: AbortSignal,
): AsyncGenerator<GetTreeResponse> {
  if (request.pageSize < 0)
    throw new CacheError('invalid-argument', `page_size is negative: ${request.pageSize}`);
  const pageSize = Math.min(request.pageSize || mostDirectories, mostDirectories);
  const skipped = parseToken(request.pageToken, digestText(root));
  let position = 0;
  let page: Directory[] = [];
  let bytes = 0;
  for await (const { digest, directory } of trees.directories(root, signal)) {
    if (position >= skipped) {
      if (page.length >= pageSize || (page.length > 0 && bytes + digest.sizeBytes > mostPageBytes)) {
        yield { directories: page, nextPageToken: `${digestText(root)}:${position}` };
        page = [];
        bytes = 0;
      }
      page.push(directory);
      bytes += digest.sizeBytes;
    }
    position++;
  }
  yield { directories: page, nextPageToken: '' };
}

function parseToken(token: string, root: string): number {
  if (token === '') return 0;
  const match = tokenPattern.exec(token);
  if (match?.[1] !== root)
    throw new CacheError(
      'invalid-argument',
      'this page_token is not of this tree; take it from a response to the same root digest',
    );
  return Number(match[2]);
}
