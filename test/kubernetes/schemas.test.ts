// The rendered manifests are objects that Kubernetes and the operators know, to the last field.
import assert from 'node:assert/strict';

import { deploymentOf } from '../support/kubernetes-objects.ts';
import { kubernetesVersions, schemaFaults } from '../support/kubernetes-schema.ts';
import type { KubernetesVersion } from '../support/kubernetes-schema.ts';
import { rendered, renderings } from '../support/kustomize.ts';
import { testWith } from '../support/real-parts.ts';

const versions = Object.keys(kubernetesVersions) as KubernetesVersion[];

for (const version of versions) {
  testWith('kubernetes-tools')(
    `Kubernetes ${version} and the operators know all that is rendered`,
    async () => {
      assert.equal(schemaFaults(Object.values(renderings()).flat(), version), '');
    },
  );

  testWith('kubernetes-tools')(`what Kubernetes ${version} does not know is found`, async () => {
    const objects = rendered('base');
    const { metadata, spec } = deploymentOf(objects);
    Object.assign(metadata, { label: { app: 'weir' } });
    Object.assign(spec, { replicas: '2' });
    Object.assign(spec.template.spec.securityContext ?? {}, { seccomp: {} });
    Object.assign(spec.template.spec.containers[0] ?? {}, { livenesProbe: {} });
    Object.assign(spec.template.spec.initContainers?.[0]?.startupProbe ?? {}, { periodSecond: 1 });
    const faults = schemaFaults(objects, version);
    for (const words of [
      `'"label"' does not exist`,
      `"replicas": "2",: error`,
      `'"seccomp"' does not exist`,
      `'"livenesProbe"' does not exist`,
      `'"periodSecond"' does not exist`,
    ]) {
      assert.ok(faults.includes(words), faults);
    }
    assert.equal(faults.trim().split('\n').length, 5, faults);
  });
}
