// remotetool, the command line client of the Remote Execution API's Go library. Its module has no releases: one
// version is built here from the Go module proxy, and kept between runs.
import { cpSync, existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { goBuild } from './go-build.ts';
import { keep, keptFolder } from './kept-folder.ts';

/** Names the version, and has the source of the second program. */
const recipe = join(import.meta.dirname, 'remotetool');
const packages = ['github.com/bazelbuild/remote-apis-sdks/go/cmd/remotetool', './compressed'];
const patienceMs = 1_200_000;

const folder = keptFolder('remotetool', recipe, ['go.mod', 'compressed/main.go']);

/** Path of remotetool as it is published. */
export const remotetoolProgram = join(folder, 'remotetool');
/** Path of the program of ours that moves blobs compressed. */
export const compressedProgram = join(folder, 'compressed');

/** Whether it has been built. */
export function hasRemotetool(): boolean {
  return existsSync(folder);
}

/** Builds it. Says why it cannot. Several may build at once. */
export function makeRemotetool(say: (line: string) => void): void {
  if (hasRemotetool()) return;
  say('building remotetool with go (once, some minutes)');
  keep(folder, (unfinished) => {
    const source = join(unfinished, 'source');
    cpSync(recipe, source, { recursive: true });
    const fault = goBuild(source, unfinished, packages, patienceMs);
    rmSync(source, { recursive: true });
    if (fault !== undefined) say(`go did not build remotetool: ${fault}`);
    return fault === undefined;
  });
}
