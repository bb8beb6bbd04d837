// What is rendered fits together: labels and selectors, ports, volumes, settings; and no container may do more than
// it has to.
import assert from 'node:assert/strict';

import { readConfig, settings } from '../../src/config/config.ts';
import {
  containerOf,
  containersOf,
  deploymentOf,
  environmentOf,
  ofKind,
} from '../support/kubernetes-objects.ts';
import type { Container, KubernetesObject, Labels } from '../support/kubernetes-objects.ts';
import { renderings } from '../support/kustomize.ts';
import { nginxImageVariables } from '../support/nginx-image.ts';
import { testWith } from '../support/real-parts.ts';

const nginxDefaults = nginxImageVariables();

/** What people make by hand, or cert-manager. */
const madeElsewhere = { server: 'weir-server', clients: 'weir-clients', tokens: 'weir-tokens' };

/** A test of each rendering there is. */
function everywhere(name: string, check: (objects: KubernetesObject[]) => void): void {
  testWith('kubernetes-tools')(name, async (t) => {
    for (const [folder, objects] of Object.entries(renderings())) await t.test(folder, () => check(objects));
  });
}

everywhere('every container is restricted', (objects) => {
  const { spec } = deploymentOf(objects).spec.template;
  assert.deepEqual(
    [spec.securityContext?.runAsNonRoot, spec.securityContext?.seccompProfile?.type],
    [true, 'RuntimeDefault'],
  );
  assert.deepEqual([spec.automountServiceAccountToken, spec.enableServiceLinks], [false, false]);
  for (const container of containersOf(objects)) {
    const { securityContext: own, name } = container;
    assert.equal(own?.allowPrivilegeEscalation, false, name);
    assert.equal(own.readOnlyRootFilesystem, true, name);
    assert.notEqual(own.privileged, true, name);
    assert.deepEqual(own.capabilities, { drop: ['ALL'] }, name);
    assert.ok((own.runAsUser ?? spec.securityContext?.runAsUser ?? 0) > 0, name);
  }
});

everywhere('every container says what it needs, and how much memory it may have', (objects) => {
  for (const { name, resources } of containersOf(objects)) {
    assert.deepEqual(Object.keys(resources?.requests ?? {}).sort(), ['cpu', 'memory'], name);
    assert.ok(resources?.limits?.['memory'], name);
  }
});

everywhere('every selector finds the pod', (objects) => {
  const { selector, template } = deploymentOf(objects).spec;
  const { labels } = template.metadata;
  const selectors: [string, Labels | undefined][] = [
    ['Deployment', selector.matchLabels],
    ...(template.spec.topologySpreadConstraints ?? []).map(
      ({ labelSelector }) => ['spread', labelSelector.matchLabels] as [string, Labels],
    ),
    ...ofKind(objects, 'Service').map(
      ({ metadata, spec }) => [metadata.name, spec.selector] as [string, Labels],
    ),
    ...ofKind(objects, 'NetworkPolicy').map(
      ({ metadata, spec }) => [metadata.name, spec.podSelector.matchLabels] as [string, Labels],
    ),
    ...ofKind(objects, 'PodDisruptionBudget').map(
      ({ metadata, spec }) => [metadata.name, spec.selector.matchLabels] as [string, Labels],
    ),
    ...ofKind(objects, 'PodMonitor').map(
      ({ metadata, spec }) => [metadata.name, spec.selector.matchLabels] as [string, Labels],
    ),
  ];
  assert.ok(selectors.length >= 6);
  for (const [what, wanted = {}] of selectors) {
    assert.ok(Object.keys(wanted).length > 0, what);
    for (const [label, value] of Object.entries(wanted))
      assert.equal(labels[label], value, `${what}: ${label}`);
  }
});

everywhere('every port that is spoken of is one of a container', (objects) => {
  const ports = containersOf(objects).flatMap(({ ports: own = [] }) => own);
  const known = new Set<number | string>(ports.flatMap(({ name, containerPort }) => [name, containerPort]));
  const spokenOf: [string, number | string][] = [
    ...ofKind(objects, 'Service').flatMap(({ metadata, spec }) =>
      spec.ports.map(({ targetPort }) => [metadata.name, targetPort] as [string, number | string]),
    ),
    ...ofKind(objects, 'NetworkPolicy').flatMap(({ metadata, spec }) =>
      (spec.ingress ?? []).flatMap(({ ports: open = [] }) =>
        open.map(({ port }) => [metadata.name, port] as [string, number | string]),
      ),
    ),
    ...ofKind(objects, 'PodMonitor').flatMap(({ metadata, spec }) =>
      spec.podMetricsEndpoints.map(({ port }) => [metadata.name, port] as [string, number | string]),
    ),
  ];
  assert.ok(spokenOf.length >= 5);
  for (const [what, port] of spokenOf) assert.ok(known.has(port), `${what}: ${port}`);
  assert.deepEqual(
    ports.map(({ name, containerPort }) => `${name} ${containerPort}`).sort(),
    [
      'ops 11080',
      `pull ${nginxDefaults['NGINX_PULL_LISTEN']}`,
      `push ${nginxDefaults['NGINX_PUSH_LISTEN']}`,
    ].sort(),
  );
  assert.match(environmentOf(objects, containerOf(objects, 'weir'))['OPS_LISTEN'] ?? '', /:11080$/);
});

everywhere('probes ask their own container, and liveness never asks the volume', (objects) => {
  for (const container of containersOf(objects)) {
    const probes = [container.startupProbe, container.livenessProbe, container.readinessProbe];
    for (const probe of probes.filter((candidate) => candidate !== undefined)) {
      if (probe.httpGet === undefined) continue;
      const { port } = probe.httpGet;
      assert.ok(
        container.ports?.some(({ name }) => name === port),
        `${container.name}: ${port}`,
      );
    }
  }
  const weir = containerOf(objects, 'weir');
  assert.equal(weir.startupProbe?.httpGet?.path, '/livez');
  assert.equal(weir.livenessProbe?.httpGet?.path, '/livez');
  assert.equal(weir.readinessProbe?.httpGet?.path, '/readyz');
});

everywhere('every volume is there, is used, and is mounted whole', (objects) => {
  const { volumes = [] } = deploymentOf(objects).spec.template.spec;
  const mounts = containersOf(objects).flatMap(({ volumeMounts = [] }) => volumeMounts);
  assert.deepEqual(
    [...new Set(mounts.map(({ name }) => name))].sort(),
    volumes.map(({ name }) => name).sort(),
  );
  // What is mounted by a sub-path stays as it was when the pod started.
  for (const mount of mounts)
    assert.deepEqual([mount.subPath, mount.subPathExpr], [undefined, undefined], mount.name);
  for (const volume of volumes) {
    if (volume.emptyDir !== undefined) assert.ok(volume.emptyDir.sizeLimit, volume.name);
    if (volume.persistentVolumeClaim === undefined) continue;
    const claims = ofKind(objects, 'PersistentVolumeClaim').map(({ metadata }) => metadata.name);
    assert.deepEqual(claims, [volume.persistentVolumeClaim.claimName]);
  }
});

everywhere('certificates come from what people or cert-manager make, under names that stay', (objects) => {
  const { volumes = [] } = deploymentOf(objects).spec.template.spec;
  const { sources = [] } = volumes.find(({ name }) => name === 'certificates')?.projected ?? {};
  const [server, clients] = sources;
  assert.equal(server?.secret?.name, madeElsewhere.server);
  assert.deepEqual(server.secret.items?.map(({ key, path }) => `${key} ${path}`).sort(), [
    'tls.crt server.crt',
    'tls.key server.key',
  ]);
  assert.deepEqual([clients?.configMap?.name, clients?.configMap?.optional], [madeElsewhere.clients, true]);
  for (const { secret } of volumes)
    if (secret !== undefined) assert.equal(secret.secretName, madeElsewhere.tokens);
  for (const { metadata, spec } of ofKind(objects, 'Certificate')) {
    if (metadata.name === 'weir-server') assert.equal(spec.secretName, madeElsewhere.server);
  }
  const see = (volume: string) =>
    containersOf(objects).filter(({ volumeMounts = [] }) => volumeMounts.some(({ name }) => name === volume));
  assert.deepEqual(
    see('certificates').map(({ name }) => name),
    ['certs'],
  );
  // The copy of the key is for its owner alone: who writes it is who reads it.
  const user = (name: string) => containerOf(objects, name).securityContext?.runAsUser;
  assert.equal(user('certs'), user('nginx'));
});

everywhere('weir takes all of its settings', (objects) => {
  const environment = environmentOf(objects, containerOf(objects, 'weir'));
  const unknown = Object.keys(environment).filter((name) => !Object.hasOwn(settings, name));
  assert.deepEqual(unknown, []);
  const config = readConfig(environment);
  const mounted = paths(containerOf(objects, 'weir'));
  assert.ok(mounted.includes(config.volume));
  for (const address of [
    config.pullListen,
    config.pushListen,
    config.pullHttpListen,
    config.pushHttpListen,
  ]) {
    assert.match(address ?? '', /^unix:\/run\/weir\//);
  }
});

everywhere('nginx gets variables that its image knows, and the folders that these name', (objects) => {
  const nginx = containerOf(objects, 'nginx');
  const environment = environmentOf(objects, nginx);
  assert.deepEqual(
    Object.keys(environment).filter((name) => !Object.hasOwn(nginxDefaults, name)),
    [],
  );
  for (const variable of ['NGINX_SOCKETS', 'NGINX_TLS', 'NGINX_VOLUME', 'NGINX_RUN']) {
    const path = environment[variable] ?? nginxDefaults[variable] ?? '';
    assert.ok(paths(nginx).includes(path), `${variable}: ${path}`);
  }
  for (const { name, readOnly } of nginx.volumeMounts ?? [])
    assert.equal(readOnly === true, name !== 'nginx-run', name);
});

everywhere('what goes on at a stop may end: the sum of the waits is within the grace period', (objects) => {
  const { spec } = deploymentOf(objects).spec.template;
  const wait = containerOf(objects, 'nginx').lifecycle?.preStop?.sleep?.seconds ?? 0;
  const { drainSeconds } = readConfig(environmentOf(objects, containerOf(objects, 'weir')));
  assert.ok(wait > 0);
  assert.ok(wait + drainSeconds < (spec.terminationGracePeriodSeconds ?? 30));
  // Sidecars end after nginx; a plain container would end with it.
  assert.deepEqual(
    spec.initContainers?.map(({ name, restartPolicy }) => `${name} ${restartPolicy}`),
    ['certs Always', 'weir Always'],
  );
});

everywhere('pods and volume fit: several pods only where several nodes can mount it', (objects) => {
  const { replicas, strategy } = deploymentOf(objects).spec;
  const [claim] = ofKind(objects, 'PersistentVolumeClaim');
  const shared = claim?.spec.accessModes.includes('ReadWriteMany') === true;
  if (!shared) assert.deepEqual([replicas, strategy.type], [1, 'Recreate']);
  else assert.equal(strategy.type, 'RollingUpdate');
  const scalers = ofKind(objects, 'HorizontalPodAutoscaler');
  // With both, each apply would undo what the autoscaler has done.
  assert.equal(replicas === undefined, scalers.length > 0);
  for (const { spec } of scalers) {
    assert.deepEqual([spec.scaleTargetRef.kind, spec.scaleTargetRef.name], ['Deployment', 'weir']);
    for (const { containerResource } of spec.metrics) containerOf(objects, containerResource.container);
  }
  assert.equal(
    deploymentOf(objects).spec.template.spec.securityContext?.fsGroupChangePolicy,
    'OnRootMismatch',
  );
});

everywhere('pods are on different nodes where they can be, and a drain moves one at a time', (objects) => {
  const { topologySpreadConstraints = [] } = deploymentOf(objects).spec.template.spec;
  assert.deepEqual(
    topologySpreadConstraints.map(({ maxSkew, topologyKey, whenUnsatisfiable }) => ({
      maxSkew,
      topologyKey,
      whenUnsatisfiable,
    })),
    // One that had to be met would keep a pod from a cluster of one node.
    [{ maxSkew: 1, topologyKey: 'kubernetes.io/hostname', whenUnsatisfiable: 'ScheduleAnyway' }],
  );
  const budgets = ofKind(objects, 'PodDisruptionBudget').map(({ spec }) => spec);
  assert.deepEqual(
    budgets.map(({ maxUnavailable, minAvailable }) => ({ maxUnavailable, minAvailable })),
    [{ maxUnavailable: 1, minAvailable: undefined }],
  );
});

everywhere('the network policies let everyone to the two ports, and nobody out', (objects) => {
  const policies = ofKind(objects, 'NetworkPolicy');
  const base = policies.find(({ metadata }) => metadata.name === 'weir');
  assert.deepEqual(base?.spec.policyTypes, ['Ingress', 'Egress']);
  // An empty list would mean the same, but is not kept by the API server: each `kubectl apply` would add it again.
  assert.equal(base.spec.egress, undefined);
  const open = policies.flatMap(({ spec }) => spec.ingress ?? []).filter(({ from }) => from === undefined);
  assert.deepEqual(
    open.flatMap(({ ports = [] }) => ports.map(({ port }) => port)),
    [11001, 11002],
  );
});

function paths({ volumeMounts = [] }: Container): string[] {
  return volumeMounts.map(({ mountPath }) => mountPath);
}
