// The rules, each alert shown firing and not firing, by Prometheus's own tool.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { testWith } from '../support/real-parts.ts';

const project = join(import.meta.dirname, '..', '..');
const folder = join(import.meta.dirname, 'alerts');
const fixtures = readdirSync(folder).map((name) => join(folder, name));

function promtool(...args: string[]): void {
  const { status, stdout, stderr } = spawnSync('promtool', args, { encoding: 'utf8' });
  assert.equal(status, 0, `${stdout}${stderr}`);
}

testWith('prometheus')('promtool finds nothing wrong with the rules and the configuration', async () => {
  promtool('check', 'rules', '--lint=all', '--lint-fatal', join(project, 'monitoring', 'rules', 'weir.yml'));
  promtool('check', 'config', join(project, 'monitoring', 'prometheus.yml'));
});

for (const fixture of fixtures) {
  testWith('prometheus')(
    `alerts fire when they should and not otherwise: ${fixture.slice(folder.length + 1)}`,
    async () => promtool('test', 'rules', fixture),
  );
}

void test('every alert is shown firing, and shown not firing', () => {
  const rules = readFileSync(join(project, 'monitoring', 'rules', 'weir.yml'), 'utf8');
  const alerts = [...rules.matchAll(/- alert: (\w+)/g)].map(([, name = '']) => name);
  const texts = fixtures.map((path) => readFileSync(path, 'utf8'));
  const shown = (pattern: (alert: string) => RegExp) =>
    alerts.filter((alert) => !texts.some((text) => pattern(alert).test(text)));
  // As prettier writes them: an expression, a time, and what is expected.
  const ask = (alert: string) => `expr: '?ALERTS\\{alertname="${alert}"[^}]*\\}'?,?\\s+eval_time: \\w+,?\\s+`;
  assert.ok(alerts.length > 20);
  assert.deepEqual(
    shown(
      (alert) =>
        new RegExp(
          `${ask(alert)}exp_samples:\\s+- labels: ALERTS\\{alertname="${alert}",alertstate="firing"`,
        ),
    ),
    [],
  );
  assert.deepEqual(
    shown((alert) => new RegExp(`${ask(alert)}exp_samples: \\[\\]`)),
    [],
  );
});
