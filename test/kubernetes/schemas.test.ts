// The rendered manifests are objects that Kubernetes and the operators know, to the last field.
import assert from 'node:assert/strict';

import { deploymentOf } from '../support/kubernetes-objects.ts';
import type { KubernetesObject } from '../support/kubernetes-objects.ts';
import { kubernetesVersions, schemaFaults } from '../support/kubernetes-schema.ts';
import type { KubernetesVersion } from '../support/kubernetes-schema.ts';
import { applicable, components, copyOfManifests, rendered } from '../support/kustomize.ts';
import { testWith } from '../support/real-parts.ts';

const versions = Object.keys(kubernetesVersions) as KubernetesVersion[];

for (const version of versions) {
  for (const folder of applicable) {
    testWith('kubernetes-tools')(`Kubernetes ${version} knows all that ${folder} has`, async () => {
      assert.equal(schemaFaults(rendered(folder), version), '');
    });
  }

  testWith('kubernetes-tools')(`Kubernetes ${version} knows all components together`, async (t) => {
    assert.equal(schemaFaults(copyOfManifests(t).with(components), version), '');
  });

  testWith('kubernetes-tools')(`Kubernetes ${version}: misspelt and unknown things are found`, async () => {
    const faults: Record<string, (objects: KubernetesObject[]) => void> = {
      "'livenesProbe' does not exist": (objects) =>
        Object.assign(deploymentOf(objects).spec.template.spec.containers[0] ?? {}, { livenesProbe: {} }),
      "'label' does not exist": (objects) =>
        Object.assign(deploymentOf(objects).metadata, { label: { app: 'weir' } }),
      "'seccomp' does not exist": (objects) =>
        Object.assign(deploymentOf(objects).spec.template.spec.securityContext ?? {}, { seccomp: {} }),
      "Type 'string' is not assignable to type 'number'": (objects) =>
        Object.assign(deploymentOf(objects).spec, { replicas: '2' }),
    };
    for (const [words, plant] of Object.entries(faults)) {
      const objects = rendered('base');
      plant(objects);
      assert.ok(schemaFaults(objects, version).includes(words), words);
    }
  });
}
