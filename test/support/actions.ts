import {
  type ActionResult,
  Directory,
  type OutputDirectory,
  Tree,
} from '../../src/gen/build/bazel/remote/execution/v2/remote_execution.ts';
import { directoryBlob, sampleTree } from './trees.ts';
import { type Blob, blobOf, randomBlob } from './wire.ts';

/** An action result of these parts; the rest is empty. */
export function resultOf(parts: Partial<ActionResult>): ActionResult {
  return {
    outputFiles: [],
    outputFileSymlinks: [],
    outputSymlinks: [],
    outputDirectories: [],
    outputDirectorySymlinks: [],
    exitCode: 0,
    stdoutRaw: new Uint8Array(),
    stdoutDigest: undefined,
    stderrRaw: new Uint8Array(),
    stderrDigest: undefined,
    executionMetadata: undefined,
    ...parts,
  };
}

/** An output file as a result has it. */
export function outputFile(path: string, { digest }: Blob): ActionResult['outputFiles'][number] {
  return { path, digest, isExecutable: false, contents: new Uint8Array(), nodeProperties: undefined };
}

/** A result with outputs of every kind. */
export interface SampleResult {
  readonly result: ActionResult;
  /** Everything that has to be there for it to be of use, each by what it is. */
  readonly reached: Record<string, Blob>;
}

export function sampleResult(): SampleResult {
  const [file, other, stdout, stderr] = [
    randomBlob(2000),
    randomBlob(500_000),
    randomBlob(90),
    randomBlob(30),
  ];
  const [shallow, deep] = [randomBlob(11), randomBlob(12)];
  const child = directoryBlob({ deep });
  const tree = blobOf(
    Tree.encode({
      root: directoryIn(directoryBlob({ shallow }, { child })),
      children: [directoryIn(child)],
    }).finish(),
  );
  const { root, files, directories } = sampleTree();
  const outputDirectories: OutputDirectory[] = [
    { path: 'tree', treeDigest: tree.digest, isTopologicallySorted: false, rootDirectoryDigest: undefined },
    { path: 'root', treeDigest: undefined, isTopologicallySorted: false, rootDirectoryDigest: root.digest },
  ];
  const result = resultOf({
    outputFiles: [outputFile('bin/tool', file), outputFile('lib/other', other)],
    outputDirectories,
    stdoutDigest: stdout.digest,
    stderrDigest: stderr.digest,
    exitCode: 3,
  });
  const [large] = files.slice(-1);
  const [leaf] = directories;
  return {
    result,
    reached: {
      'an output file': file,
      'another output file': other,
      stdout,
      stderr,
      'a Tree message': tree,
      'a file at the root of a Tree': shallow,
      'a file deep in a Tree': deep,
      'the root of a directory': root,
      'a directory in it': leaf ?? root,
      'a file in it': large ?? file,
      'a small file in it': files[1] ?? file,
      'a file in several places': files[0] ?? file,
      'the middle of it': directories[1] ?? root,
    },
  };
}

function directoryIn({ data }: Blob) {
  return Directory.decode(data);
}
