// Kubernetes's API server, with the etcd that it needs: built from the Go module proxy, and kept between runs.
import { cpSync, existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { goBuild } from './go-build.ts';
import { keep, keptFolder } from './kept-folder.ts';

/** Names the versions. */
const recipe = join(import.meta.dirname, 'kube-apiserver');
const packages = ['k8s.io/kubernetes/cmd/kube-apiserver', './etcd'];
const patienceMs = 7_200_000;

const folder = keptFolder('kube-apiserver', recipe, ['go.mod', 'etcd/main.go']);

export const kubeApiserverProgram = join(folder, 'kube-apiserver');
export const etcdProgram = join(folder, 'etcd');

/** Whether it has been built. */
export function hasKubeApiserver(): boolean {
  return existsSync(folder);
}

/** Builds it. Says why it cannot. */
export function makeKubeApiserver(say: (line: string) => void): void {
  if (hasKubeApiserver()) return;
  say("building Kubernetes's API server with go (once, ten minutes to an hour)");
  keep(folder, (unfinished) => {
    const source = join(unfinished, 'source');
    cpSync(recipe, source, { recursive: true });
    const fault = goBuild(source, unfinished, packages, patienceMs);
    rmSync(source, { recursive: true });
    if (fault !== undefined) say(`go did not build the API server: ${fault}`);
    return fault === undefined;
  });
}
