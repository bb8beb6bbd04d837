// Whether objects are what Kubernetes and the operators know: as literals of the types that are generated from their
// schemas, they may have no other fields, values of an enumeration or types of values. TypeScript judges.
import type { KubernetesObject } from './kubernetes-objects.ts';
import { kubernetesModules } from './kubernetes-tools.ts';
import { typeFaults } from './type-faults.ts';

/** The packages of types, by the version of Kubernetes that they are of. */
export const kubernetesVersions = { '1.33': 'kubernetes-models-older', '1.36': 'kubernetes-models' } as const;
export type KubernetesVersion = keyof typeof kubernetesVersions;

const operators: Record<string, string> = {
  'cert-manager.io': '@kubernetes-models/cert-manager',
  'monitoring.coreos.com': '@kubernetes-models/prometheus-operator',
};

/** What is wrong with the objects, in the compiler's words and with the lines that they speak of; nothing when nothing is. */
export function schemaFaults(objects: readonly KubernetesObject[], version: KubernetesVersion): string {
  const text = objects.map((object, index) => declaration(object, index, version)).join('\n');
  return typeFaults(text, kubernetesModules);
}

function declaration(object: KubernetesObject, index: number, version: KubernetesVersion): string {
  const [group = ''] = object.apiVersion.split('/');
  const source = `${operators[group] ?? kubernetesVersions[version]}/${object.apiVersion}`;
  return [
    `import type { I${object.kind} as Kind${index} } from '${source}';`,
    `export const ${object.kind}${index}: Kind${index} = ${JSON.stringify(object, null, 1)};`,
  ].join('\n');
}
