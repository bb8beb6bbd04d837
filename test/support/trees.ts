import { Directory } from '../../src/gen/build/bazel/remote/execution/v2/remote_execution.ts';
import { type Blob, blobOf, randomBlob } from './wire.ts';

/** A tree as a client would upload it. */
export interface SampleTree {
  readonly root: Blob;
  readonly directories: readonly Blob[];
  readonly files: readonly Blob[];
  /** Everything, in the order a client would upload it. */
  readonly blobs: readonly Blob[];
}

/** A Directory message of these children. */
export function directoryBlob(files: Record<string, Blob>, directories: Record<string, Blob> = {}): Blob {
  const message = Directory.encode({
    files: Object.entries(files).map(([name, { digest }]) => ({
      name,
      digest,
      isExecutable: false,
      nodeProperties: undefined,
    })),
    directories: Object.entries(directories).map(([name, { digest }]) => ({ name, digest })),
    symlinks: [{ name: 'link', target: '../elsewhere', nodeProperties: undefined }],
    nodeProperties: undefined,
  });
  return blobOf(message.finish());
}

/** Three levels, with the empty file and a file that is in two places. */
export function sampleTree(): SampleTree {
  const shared = randomBlob(3000);
  const files = [shared, randomBlob(10), blobOf(''), randomBlob(70_000)] as const;
  const leaf = directoryBlob({ shared, tiny: files[1] });
  const middle = directoryBlob({ empty: files[2], shared }, { leaf });
  const root = directoryBlob({ large: files[3] }, { middle, leaf });
  const directories = [leaf, middle, root];
  return { root, directories, files, blobs: [...files, ...directories] };
}
