// The part of Kubernetes's objects that the tests of the manifests look at.

/** Any object. */
export interface KubernetesObject {
  apiVersion: string;
  kind: string;
  metadata: { name: string; namespace?: string; labels?: Labels };
}

export type Labels = Record<string, string>;
export type Selector = { matchLabels?: Labels };

export interface ContainerProbe {
  exec?: { command: string[] };
  httpGet?: { path: string; port: number | string };
  periodSeconds?: number;
  timeoutSeconds?: number;
}

export interface Container {
  name: string;
  image: string;
  command?: string[];
  args?: string[];
  restartPolicy?: string;
  env?: { name: string; value?: string }[];
  envFrom?: { configMapRef?: { name: string } }[];
  ports?: { name: string; containerPort: number }[];
  securityContext?: {
    runAsUser?: number;
    runAsGroup?: number;
    allowPrivilegeEscalation?: boolean;
    readOnlyRootFilesystem?: boolean;
    privileged?: boolean;
    capabilities?: { drop?: string[]; add?: string[] };
  };
  resources?: { requests?: Record<string, string>; limits?: Record<string, string> };
  startupProbe?: ContainerProbe;
  livenessProbe?: ContainerProbe;
  readinessProbe?: ContainerProbe;
  lifecycle?: { preStop?: { sleep?: { seconds: number } } };
  volumeMounts?: {
    name: string;
    mountPath: string;
    readOnly?: boolean;
    subPath?: string;
    subPathExpr?: string;
  }[];
}

export interface Volume {
  name: string;
  persistentVolumeClaim?: { claimName: string };
  emptyDir?: { medium?: string; sizeLimit?: string };
  secret?: { secretName: string };
  projected?: { defaultMode?: number; sources: ProjectedSource[] };
}

export interface ProjectedSource {
  secret?: { name: string; items?: { key: string; path: string }[] };
  configMap?: { name: string; optional?: boolean };
}

export interface PodSpec {
  serviceAccountName?: string;
  automountServiceAccountToken?: boolean;
  enableServiceLinks?: boolean;
  terminationGracePeriodSeconds?: number;
  securityContext?: {
    runAsNonRoot?: boolean;
    runAsUser?: number;
    fsGroup?: number;
    fsGroupChangePolicy?: string;
    seccompProfile?: { type: string };
  };
  topologySpreadConstraints?: {
    labelSelector: Selector;
    maxSkew: number;
    topologyKey: string;
    whenUnsatisfiable: string;
  }[];
  initContainers?: Container[];
  containers: Container[];
  volumes?: Volume[];
}

export interface Deployment extends KubernetesObject {
  spec: {
    replicas?: number;
    strategy: { type: string; rollingUpdate?: { maxUnavailable: number; maxSurge: number } };
    selector: Selector;
    template: { metadata: { labels: Labels; annotations?: Labels }; spec: PodSpec };
  };
}

export interface Service extends KubernetesObject {
  spec: {
    selector: Labels;
    ports: { name: string; port: number; targetPort: number | string }[];
  };
}

export interface NetworkPolicy extends KubernetesObject {
  spec: {
    podSelector: Selector;
    policyTypes: string[];
    ingress?: { from?: unknown[]; ports?: { port: number | string }[] }[];
    egress?: unknown[];
  };
}

export interface PodMonitor extends KubernetesObject {
  spec: { jobLabel?: string; selector: Selector; podMetricsEndpoints: { port: string; path: string }[] };
}

export interface ConfigMap extends KubernetesObject {
  data: Record<string, string>;
}

/** What has a selector of pods and nothing else that the tests look at. */
export interface Selecting extends KubernetesObject {
  spec: { selector: Selector };
}

interface Kinds {
  ConfigMap: ConfigMap;
  Deployment: Deployment;
  NetworkPolicy: NetworkPolicy;
  PersistentVolumeClaim: KubernetesObject & { spec: { accessModes: string[] } };
  PodDisruptionBudget: Selecting & { spec: { maxUnavailable?: number; minAvailable?: number } };
  PodMonitor: PodMonitor;
  PrometheusRule: KubernetesObject & { spec: unknown };
  Certificate: KubernetesObject & { spec: { secretName: string } };
  HorizontalPodAutoscaler: KubernetesObject & {
    spec: {
      minReplicas: number;
      scaleTargetRef: { kind: string; name: string };
      metrics: { containerResource: { container: string } }[];
    };
  };
  Service: Service;
  ServiceAccount: KubernetesObject;
}

/** Those of a kind. */
export function ofKind<Kind extends keyof Kinds>(
  objects: readonly KubernetesObject[],
  kind: Kind,
): Kinds[Kind][] {
  return objects.filter((object): object is Kinds[Kind] => object.kind === kind);
}

/** The deployment; there is one in every rendering. */
export function deploymentOf(objects: readonly KubernetesObject[]): Deployment {
  const [deployment, ...others] = ofKind(objects, 'Deployment');
  if (deployment === undefined || others.length > 0) throw new Error('not one deployment');
  return deployment;
}

/** The pod that a deployment's controller would make. */
export function podOf({ metadata, spec: { template } }: Deployment): KubernetesObject & { spec: PodSpec } {
  const own = { ...template.metadata, name: metadata.name };
  return { apiVersion: 'v1', kind: 'Pod', metadata: own, spec: template.spec };
}

/** All containers of the pod, sidecars included. */
export function containersOf(objects: readonly KubernetesObject[]): Container[] {
  const { spec } = deploymentOf(objects).spec.template;
  return [...(spec.initContainers ?? []), ...spec.containers];
}

/** Throws where there is no such container. */
export function containerOf(objects: readonly KubernetesObject[], name: string): Container {
  const found = containersOf(objects).find((container) => container.name === name);
  if (found === undefined) throw new Error(`there is no container ${name}`);
  return found;
}

/** A container's variables: its own, over those of the config maps that it takes whole. */
export function environmentOf(
  objects: readonly KubernetesObject[],
  container: Container,
): Record<string, string> {
  const maps = (container.envFrom ?? []).map(({ configMapRef }) => {
    const found = ofKind(objects, 'ConfigMap').find(({ metadata }) => metadata.name === configMapRef?.name);
    if (found === undefined) throw new Error(`there is no config map ${configMapRef?.name}`);
    return found.data;
  });
  const own = (container.env ?? []).map(({ name, value = '' }) => [name, value] as const);
  return Object.assign({}, ...maps, Object.fromEntries(own));
}
