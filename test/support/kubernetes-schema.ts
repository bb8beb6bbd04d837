// Whether objects are what Kubernetes and the operators know: as literals of the types that are generated from their
// schemas, they may have no other fields, values of an enumeration or types of values. TypeScript judges.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { KubernetesObject } from './kubernetes-objects.ts';
import { kubernetesModules } from './kubernetes-tools.ts';

const tsc = join(import.meta.dirname, '..', '..', 'node_modules', 'typescript', 'bin', 'tsc');

/** The packages of types, by the version of Kubernetes that they are of. */
export const kubernetesVersions = { '1.33': 'kubernetes-models-older', '1.36': 'kubernetes-models' } as const;
export type KubernetesVersion = keyof typeof kubernetesVersions;

const operators: Record<string, string> = {
  'cert-manager.io': '@kubernetes-models/cert-manager',
  'monitoring.coreos.com': '@kubernetes-models/prometheus-operator',
};

const options = {
  strict: true,
  noEmit: true,
  skipLibCheck: true,
  module: 'nodenext',
  moduleResolution: 'nodenext',
  target: 'es2024',
  types: [],
};

/** What is wrong with the objects, in the compiler's words and with the lines that they speak of; nothing when nothing is. */
export function schemaFaults(objects: readonly KubernetesObject[], version: KubernetesVersion): string {
  const folder = mkdtempSync(join(tmpdir(), 'weir-schema-'));
  try {
    symlinkSync(kubernetesModules, join(folder, 'node_modules'));
    writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
    writeFileSync(
      join(folder, 'tsconfig.json'),
      JSON.stringify({ compilerOptions: options, files: ['objects.ts'] }),
    );
    const text = objects.map((object, index) => declaration(object, index, version)).join('\n');
    writeFileSync(join(folder, 'objects.ts'), text);
    const compiled = spawnSync(process.execPath, [tsc, '-p', folder, '--pretty', 'false'], {
      encoding: 'utf8',
      cwd: folder,
    });
    if (compiled.status === 0) return '';
    return `${compiled.stdout}${compiled.stderr}`.replaceAll(
      /\((\d+),\d+\): /g,
      (place, line: string) => `${place}${text.split('\n')[Number(line) - 1]?.trim()}: `,
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function declaration(object: KubernetesObject, index: number, version: KubernetesVersion): string {
  const [group = ''] = object.apiVersion.split('/');
  const source = `${operators[group] ?? kubernetesVersions[version]}/${object.apiVersion}`;
  return [
    `import type { I${object.kind} as Kind${index} } from '${source}';`,
    `export const ${object.kind}${index}: Kind${index} = ${JSON.stringify(object, null, 1)};`,
  ].join('\n');
}
