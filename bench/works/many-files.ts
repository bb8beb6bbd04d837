import { pseudoRandomBytes } from '../../test/support/bst-project.ts';

const [folders, filesOfEach, fileBytes] = [100, 100, 1024];

/** 10,000 files: path -> what is there. No two are the same, nor like those of another name. */
export function manyFiles(name: string): Record<string, Uint8Array> {
  const paths = Array.from({ length: folders * filesOfEach }, (_, index) => {
    const [folder, file] = [Math.floor(index / filesOfEach), index % filesOfEach];
    return `folder-${folder}/file-${file}`;
  });
  return Object.fromEntries(paths.map((path) => [path, pseudoRandomBytes(`${name}/${path}`, fileBytes)]));
}
