// A real API server takes the manifests, strictly, in a namespace that enforces the restricted standard.
import assert from 'node:assert/strict';
import { join } from 'node:path';

import { startKubeApiserver } from '../support/kube-apiserver.ts';
import type { KubeApiserver } from '../support/kube-apiserver.ts';
import { containersOf, deploymentOf } from '../support/kubernetes-objects.ts';
import type { KubernetesObject } from '../support/kubernetes-objects.ts';
import { manifests, rendered, renderings } from '../support/kustomize.ts';
import { testWith } from '../support/real-parts.ts';

testWith('kubernetes-tools', 'kube-apiserver')(
  'a real API server takes all that is rendered, and restricted namespaces take the pod',
  async (t) => {
    const server = await startKubeApiserver(t);
    defineOperatorsKinds(server);
    taken(server, ['apply', '-f', join(manifests, 'namespace.yaml')]);
    const weir = ['--namespace=weir'];

    for (const [name, objects] of Object.entries(renderings())) {
      await t.test(`${name} is taken, without a warning`, () => {
        taken(server, [...weir, 'apply', '--dry-run=server', '--validate=strict', '-f', '-'], json(objects));
      });
    }

    await t.test('the base is applied, and applying it again changes nothing', () => {
      const apply = [...weir, 'apply', '--validate=strict', '-k', join(manifests, 'base')];
      assert.match(taken(server, apply), /deployment.apps\/weir created/);
      for (const line of taken(server, apply).trim().split('\n')) assert.match(line, / unchanged$/);
    });

    for (const [name, objects] of Object.entries(renderings())) {
      await t.test(`the pod of ${name} may run in a restricted namespace`, () => {
        taken(server, [...weir, 'create', '--dry-run=server', '-f', '-'], json([podOf(objects)]));
      });
    }

    await t.test('a pod that asks for more is refused', () => {
      for (const part of ['allowPrivilegeEscalation', 'capabilities'] as const) {
        const objects = rendered('base');
        delete containersOf(objects)[0]?.securityContext?.[part];
        const { status, stderr } = server.kubectl([...weir, 'create', '-f', '-'], json([podOf(objects)]));
        assert.notEqual(status, 0);
        assert.match(stderr, /violates PodSecurity "restricted:latest"/);
      }
    });

    await t.test('a field that does not exist is refused', () => {
      const objects = rendered('base');
      Object.assign(deploymentOf(objects).spec.template.spec, { terminationGracePeriod: 1 });
      const apply = [...weir, 'apply', '--dry-run=server', '--validate=strict', '-f', '-'];
      assert.match(
        server.kubectl(apply, json(objects)).stderr,
        /unknown field "spec.template.spec.terminationGracePeriod"/,
      );
    });
  },
);

/** Its standard output. A warning is as bad as an error. */
function taken(server: KubeApiserver, args: readonly string[], input?: string): string {
  const { status, stdout, stderr } = server.kubectl(args, input);
  assert.deepEqual({ status, stderr }, { status: 0, stderr: '' });
  return stdout;
}

/** What the deployment's controller would make of it. */
function podOf(objects: readonly KubernetesObject[]): KubernetesObject {
  const { metadata, spec } = deploymentOf(objects).spec.template;
  return Object.assign(
    { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'weir-0', ...metadata } },
    { spec },
  );
}

function json(objects: readonly KubernetesObject[]): string {
  return JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects });
}

/** The kinds of the operators, with whatever is in them: schemas.test.ts looks at that. */
function defineOperatorsKinds(server: KubeApiserver): void {
  const kinds = [
    ['monitoring.coreos.com', 'PodMonitor', 'podmonitors'],
    ['monitoring.coreos.com', 'PrometheusRule', 'prometheusrules'],
    ['cert-manager.io', 'Certificate', 'certificates'],
    ['cert-manager.io', 'Issuer', 'issuers'],
  ] as const;
  const definitions = kinds.map(([group, kind, plural]) => ({
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: {
      name: `${plural}.${group}`,
      annotations: { 'api-approved.kubernetes.io': 'unapproved, for tests' },
    },
    spec: {
      group,
      names: { kind, plural },
      scope: 'Namespaced',
      versions: [
        {
          name: 'v1',
          served: true,
          storage: true,
          schema: { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
        },
      ],
    },
  }));
  taken(server, ['apply', '-f', '-'], json(definitions));
  const names = definitions.map(({ metadata }) => `crd/${metadata.name}`);
  taken(server, ['wait', '--for=condition=Established', '--timeout=120s', ...names]);
}
