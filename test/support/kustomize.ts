// What Kustomize makes of the manifests.
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';

import type { KubernetesObject } from './kubernetes-objects.ts';
import { kubectlProgram, kubernetesModules } from './kubernetes-tools.ts';

/** deploy/kubernetes of this repository. */
export const manifests = join(import.meta.dirname, '..', '..', 'deploy', 'kubernetes');

/** The folders that can be applied as they are. */
export const applicable = ['base', ...foldersIn('overlays')];

/** All the pieces that an overlay can be put together from; autoscaling brings shared-volume along. */
export const components = foldersIn('components')
  .filter((path) => !path.endsWith('shared-volume'))
  .map((path) => join('..', path));

/** The objects of a folder, by path from deploy/kubernetes or in full. Throws with Kustomize's words. */
export function rendered(folder: string): KubernetesObject[] {
  return parsed(execFileSync(kubectlProgram, ['kustomize', join(manifests, folder)], quiet));
}

/** A copy of the manifests, which a test may change, and what is rendered from a kustomization in it. */
export function copyOfManifests(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), 'weir-manifests-'));
  t.after(() => rmSync(folder, { recursive: true }));
  cpSync(manifests, folder, { recursive: true });
  return {
    folder,
    /** Renders the base with these components, by path from a folder beside the base. */
    with: (names: readonly string[]): KubernetesObject[] => {
      mkdirSync(join(folder, 'own'), { recursive: true });
      const kustomization = { resources: ['../base'], components: names };
      writeFileSync(join(folder, 'own', 'kustomization.yaml'), JSON.stringify(kustomization));
      return parsed(execFileSync(kubectlProgram, ['kustomize', join(folder, 'own')], quiet));
    },
  };
}

/** The objects of a YAML text. */
export function parsed(text: string): KubernetesObject[] {
  const { parseAllDocuments }: { parseAllDocuments(text: string): { toJS(): KubernetesObject }[] } =
    createRequire(join(kubernetesModules, 'index.js'))('yaml');
  return parseAllDocuments(text).map((document) => document.toJS());
}

const quiet = { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] } as const;

function foldersIn(folder: string): string[] {
  return readdirSync(join(manifests, folder)).map((name) => join(folder, name));
}
