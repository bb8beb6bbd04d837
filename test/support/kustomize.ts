// What Kustomize makes of the manifests.
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { KubernetesObject } from './kubernetes-objects.ts';
import { kubectlProgram, kubernetesModules } from './kubernetes-tools.ts';

/** deploy/kubernetes of this repository. */
export const manifests = join(import.meta.dirname, '..', '..', 'deploy', 'kubernetes');

/** The objects of a folder, by path from deploy/kubernetes. Throws with Kustomize's words. */
export function rendered(folder: string): KubernetesObject[] {
  return parsed(kustomized(join(manifests, folder)));
}

/**
 * Everything that people may render: the base, the overlays, and all components together. By name; each call has
 * objects of its own.
 */
export function renderings(): Record<string, KubernetesObject[]> {
  const folders = ['base', ...foldersIn('overlays')];
  const own = folders.map((folder) => [folder, rendered(folder)] as const);
  return { ...Object.fromEntries(own), 'all components': parsed(allComponents()) };
}

/** Of a copy of the manifests. Autoscaling brings shared-volume along. */
function allComponents(): string {
  const known = texts.get('all components');
  if (known !== undefined) return known;
  const folder = mkdtempSync(join(tmpdir(), 'weir-manifests-'));
  try {
    cpSync(manifests, folder, { recursive: true });
    const components = foldersIn('components')
      .filter((path) => !path.endsWith('shared-volume'))
      .map((path) => join('..', path));
    mkdirSync(join(folder, 'own'));
    const kustomization = { resources: ['../base'], components };
    writeFileSync(join(folder, 'own', 'kustomization.yaml'), JSON.stringify(kustomization));
    const text = kustomized(join(folder, 'own'));
    texts.set('all components', text);
    return text;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const texts = new Map<string, string>();

function kustomized(folder: string): string {
  const text =
    texts.get(folder) ??
    execFileSync(kubectlProgram, ['kustomize', folder], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  texts.set(folder, text);
  return text;
}

/** The objects of a YAML text. */
export function parsed(text: string): KubernetesObject[] {
  const { parseAllDocuments }: { parseAllDocuments: (text: string) => { toJS(): KubernetesObject }[] } =
    createRequire(join(kubernetesModules, 'index.js'))('yaml');
  return parseAllDocuments(text).map((document) => document.toJS());
}

function foldersIn(folder: string): string[] {
  return readdirSync(join(manifests, folder)).map((name) => join(folder, name));
}
