import type { FolderState } from './fuzz-folder.ts';

/** What servers write on a volume of their own accord, whatever their clients do. */
const ownWork = [
  /^weir\/(janitor-lock|incomplete|ballast|clock|processes|scrub|usage)(\/|$)/,
  // They try now and then whether they can write.
  /^tmp\/weir-(?!kept-)/,
];

/** The rest of what is on a volume. */
export function withoutOwnWork(state: FolderState): FolderState {
  return Object.fromEntries(
    Object.entries(state).filter(([path]) => !ownWork.some((pattern) => pattern.test(path))),
  );
}
