// kube-apiserver, which no package registry has as a program: it is built here from the Go module proxy, and kept
// between runs.
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { goBuild } from './go-build.ts';
import { keep, keptFolder } from './kept-folder.ts';

/** Names the version: that of kubectl (kubernetes-tools.ts). */
const recipe = join(import.meta.dirname, 'kube-apiserver');
const packages = ['k8s.io/kubernetes/cmd/kube-apiserver'];
const patienceMs = 3_600_000;

// Optimised, it would take five times as long.
const compiling = '-gcflags=all=-N -l -dwarf=false';

const folder = keptFolder('kube-apiserver', recipe, ['go.mod']);

/** Path of it. */
export const kubeApiserverProgram = join(folder, 'kube-apiserver');

/** Whether it has been built. */
export function hasKubeApiserver(): boolean {
  return existsSync(folder);
}

/** Builds it. Says why it cannot. Several may build at once. */
export function makeKubeApiserver(say: (line: string) => void): void {
  if (hasKubeApiserver()) return;
  say('building kube-apiserver with go (once, some minutes)');
  keep(folder, (unfinished) => {
    const source = join(unfinished, 'source');
    cpSync(recipe, source, { recursive: true });
    // What go keeps for other builds is two gigabytes that no other build can use.
    const cache = join(unfinished, 'cache');
    mkdirSync(cache);
    const own = { flags: [compiling, linking()], env: { GOCACHE: cache } };
    const fault = goBuild(source, unfinished, packages, patienceMs, own);
    rmSync(source, { recursive: true });
    rmSync(cache, { recursive: true });
    if (fault !== undefined) say(`go did not build kube-apiserver: ${fault}`);
    return fault === undefined;
  });
}

/** Has it say its version: kubectl asks. */
function linking(): string {
  const [, version] = /k8s\.io\/kubernetes (v\S+)/.exec(readFileSync(join(recipe, 'go.mod'), 'utf8')) ?? [];
  return `-ldflags=-s -w -X k8s.io/component-base/version.gitVersion=${version}`;
}
