// The kinds that cert-manager and the Prometheus operator bring to a cluster. Their own definitions are in no package
// registry; these take any `spec`, so that an API server takes the objects. Fields are judged by types
// (kubernetes-schema.ts).
interface CustomKind {
  group: string;
  version: string;
  kind: string;
}

const kinds: readonly CustomKind[] = [
  { group: 'cert-manager.io', version: 'v1', kind: 'Certificate' },
  { group: 'cert-manager.io', version: 'v1', kind: 'Issuer' },
  { group: 'monitoring.coreos.com', version: 'v1', kind: 'PodMonitor' },
  { group: 'monitoring.coreos.com', version: 'v1', kind: 'PrometheusRule' },
];

/** Objects of kind CustomResourceDefinition. */
export const operatorsDefinitions: readonly object[] = kinds.map(definition);

function definition({ group, version, kind }: CustomKind): object {
  const singular = kind.toLowerCase();
  const plural = `${singular}s`;
  const spec = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };
  const openAPIV3Schema = { type: 'object', properties: { spec } };
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.${group}` },
    spec: {
      group,
      scope: 'Namespaced',
      names: { kind, singular, plural },
      versions: [{ name: version, served: true, storage: true, schema: { openAPIV3Schema } }],
    },
  };
}
