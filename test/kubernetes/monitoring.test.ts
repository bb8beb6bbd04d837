// What Prometheus is told in a cluster is what it is told elsewhere.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { deploymentOf, ofKind } from '../support/kubernetes-objects.ts';
import { parsed, rendered } from '../support/kustomize.ts';
import { testWith } from '../support/real-parts.ts';

const project = join(import.meta.dirname, '..', '..');

test('the PrometheusRule is what scripts/prometheus-rule.mjs makes of monitoring/rules', () => {
  const script = join(project, 'scripts', 'prometheus-rule.mjs');
  const made = execFileSync(process.execPath, [script, '--print'], { encoding: 'utf8' });
  const committed = join(project, 'deploy', 'kubernetes', 'components', 'monitoring', 'rules.yaml');
  assert.equal(
    readFileSync(committed, 'utf8'),
    made,
    'run: node scripts/run.mjs scripts/prometheus-rule.mjs',
  );
});

testWith('kubernetes-tools')(
  'the PrometheusRule has the groups of monitoring/rules, to the last rule',
  async () => {
    const text = readFileSync(join(project, 'monitoring', 'rules', 'weir.yml'), 'utf8');
    const [rule] = ofKind(rendered('overlays/monitoring'), 'PrometheusRule');
    assert.deepEqual(rule?.spec, parsed(text)[0]);
  },
);

testWith('kubernetes-tools')('the job of the metrics is the one that the rules name', async () => {
  const objects = rendered('overlays/monitoring');
  const [monitor] = ofKind(objects, 'PodMonitor');
  const { labels } = deploymentOf(objects).spec.template.metadata;
  assert.equal(labels[monitor?.spec.jobLabel ?? ''], 'weir');
  assert.deepEqual(
    monitor?.spec.podMetricsEndpoints.map(({ port, path }) => `${port} ${path}`),
    ['ops /metrics'],
  );
});
