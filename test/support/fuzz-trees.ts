import type {
  Directory,
  Digest,
  DirectoryNode,
  FileNode,
} from '../../src/gen/build/bazel/remote/execution/v2/remote_execution.ts';
import { Directory as DirectoryMessage } from '../../src/gen/build/bazel/remote/execution/v2/remote_execution.ts';
import { type Blob, blobOf } from './wire.ts';

/** A Directory message with whatever a hostile client would put into it. */
export function rawDirectory(parts: Partial<Directory>): Blob {
  const whole = { files: [], directories: [], symlinks: [], nodeProperties: undefined, ...parts };
  return blobOf(DirectoryMessage.encode(whole).finish());
}

export function fileNode(name: string, digest: Digest | undefined): FileNode {
  return { name, digest, isExecutable: false, nodeProperties: undefined };
}

export function directoryNode(name: string, digest: Digest | undefined): DirectoryNode {
  return { name, digest };
}

/** Directories one below another, the root last; `width` children of each are the next one. */
export function chain(levels: number, width = 1): Blob[] {
  const directories = [rawDirectory({})];
  for (let level = 1; level < levels; level++) {
    const { digest } = directories[level - 1] ?? rawDirectory({});
    const nodes = Array.from({ length: width }, (_, index) => directoryNode(`${index}`, digest));
    directories.push(rawDirectory({ directories: nodes }));
  }
  return directories;
}

/** A message of one repeated field whose elements are empty: two bytes on the wire for each. */
export function emptyElements(field: number, count: number, distinct: string): Blob {
  const elements = Buffer.alloc(count * 2, Buffer.from([(field << 3) | 2, 0]));
  const { data } = rawDirectory({ symlinks: [{ name: distinct, target: '.', nodeProperties: undefined }] });
  return blobOf(Buffer.concat([data, elements]));
}
