// A real API server takes the manifests, as far as that goes without nodes.
import assert from 'node:assert/strict';

import { printed, startCluster } from '../support/cluster.ts';
import type { Cluster } from '../support/cluster.ts';
import { containerOf, deploymentOf, podOf } from '../support/kubernetes-objects.ts';
import type { Container, Deployment, KubernetesObject, PodSpec } from '../support/kubernetes-objects.ts';
import { rendered, renderings } from '../support/kustomize.ts';
import { testWith } from '../support/real-parts.ts';

const inNamespace = ['--namespace=weir', '--warnings-as-errors', '--filename=-'];

testWith('kubernetes-tools', 'kube-apiserver')('an API server takes all that is rendered', async (t) => {
  const { kubectl } = await startCluster(t);
  const apply = (objects: readonly KubernetesObject[], ...options: string[]) =>
    printed(kubectl(['apply', ...options, ...inNamespace], objects));
  const versions = (objects: readonly KubernetesObject[]) => {
    const path = '{range .items[*]}{.kind} {.metadata.name} {.metadata.resourceVersion}{"\\n"}{end}';
    return printed(kubectl(['get', ...inNamespace, `--output=jsonpath=${path}`], objects));
  };

  for (const [name, objects] of Object.entries(renderings())) {
    await t.test(`${name}: to the last field, once, and without leaving anything behind`, (own) => {
      own.after(() => kubectl(['delete', '--ignore-not-found', ...inNamespace], objects));
      // The server's own merge also refuses what a list has twice.
      apply(objects, '--server-side', '--dry-run=server');
      apply(objects);
      const applied = versions(objects);
      assert.equal(lines(applied).length, objects.length);
      assert.equal(printed(kubectl(['diff', ...inNamespace], objects)), '');
      // By what is there: of a disruption budget kubectl always says that it has configured it.
      apply(objects);
      assert.equal(versions(objects), applied);

      printed(kubectl(['create', ...inNamespace], [podOf(deploymentOf(objects))]));
      printed(kubectl(['delete', 'pod/weir', '--namespace=weir']));

      printed(kubectl(['delete', ...inNamespace], objects));
      assert.equal(printed(kubectl(['get', everyKind(kubectl), '--namespace=weir', '--output=name'])), '');
    });
  }

  await t.test('what an autoscaler has set is kept when the manifests are applied again', () => {
    const { 'all components': objects = [] } = renderings();
    apply(objects);
    printed(kubectl(['scale', 'deployment/weir', '--replicas=5', '--namespace=weir']));
    apply(objects);
    const path = '--output=jsonpath={.spec.replicas}';
    assert.equal(printed(kubectl(['get', 'deployment/weir', '--namespace=weir', path])), '5');
  });
});

testWith('kubernetes-tools', 'kube-apiserver')('an API server refuses what is not right', async (t) => {
  const { kubectl } = await startCluster(t);
  printed(kubectl(['apply', ...inNamespace], rendered('base')));
  const deployments: Record<string, [(deployment: Deployment) => void, RegExp]> = {
    'an unknown field': [
      (deployment) => Object.assign(nginx(deployment), { livenesProbe: {} }),
      /unknown field "spec\.template\.spec\.containers\[0\]\.livenesProbe"/,
    ],
    'an unknown value': [
      (deployment) => Object.assign(nginx(deployment), { imagePullPolicy: 'Allways' }),
      /imagePullPolicy: Unsupported value: "Allways"/,
    ],
    'an unknown volume': [
      (deployment) => nginx(deployment).volumeMounts?.push({ name: 'cach', mountPath: '/cach' }),
      /volumeMounts\[\d\]\.name: Not found: "cach"/,
    ],
  };
  for (const [name, [plant, words]] of Object.entries(deployments)) {
    await t.test(`${name} of a deployment`, () => {
      const objects = rendered('base');
      plant(deploymentOf(objects));
      const { status, stderr } = kubectl(['apply', '--dry-run=server', ...inNamespace], objects);
      assert.notEqual(status, 0);
      assert.match(stderr, words);
    });
  }

  const pods: Record<string, [(spec: PodSpec) => void, string]> = {
    'a privileged container': [
      ({ containers: [container] }) => {
        delete container?.securityContext?.allowPrivilegeEscalation;
        Object.assign(container?.securityContext ?? {}, { privileged: true });
      },
      'privileged',
    ],
    'a container with a capability': [
      ({ containers: [container] }) =>
        Object.assign(container?.securityContext?.capabilities ?? {}, { add: ['SYS_ADMIN'] }),
      'unrestricted capabilities',
    ],
    'a pod that may be of root': [
      ({ securityContext }) => delete securityContext?.runAsNonRoot,
      'runAsNonRoot != true',
    ],
    'a pod with all system calls': [
      ({ securityContext }) => delete securityContext?.seccompProfile,
      'seccompProfile',
    ],
  };
  for (const [name, [plant, words]] of Object.entries(pods)) {
    await t.test(`${name}, by the namespace's standard`, () => {
      const pod = podOf(deploymentOf(rendered('base')));
      plant(pod.spec);
      const { status, stderr } = kubectl(['create', ...inNamespace], [pod]);
      assert.notEqual(status, 0);
      assert.match(stderr, /violates PodSecurity "restricted:latest"/);
      assert.ok(stderr.includes(words), stderr);
    });
  }
});

function nginx(deployment: Deployment): Container {
  return containerOf([deployment], 'nginx');
}

function lines(text: string): string[] {
  return text.split('\n').filter((line) => line !== '');
}

/** Names of all kinds that a namespace can have objects of, with commas; but what the API server notes of others. */
function everyKind(kubectl: Cluster['kubectl']): string {
  const kinds = kubectl(['api-resources', '--namespaced', '--verbs=list', '--output=name']);
  return lines(printed(kinds))
    .filter((kind) => !/^events(\.|$)/.test(kind))
    .join(',');
}
