// The dashboard is one that Grafana knows, to the last field.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { projectModules, typeFaults } from '../support/type-faults.ts';
import { dashboard } from './dashboard.ts';
import type { WrittenDashboard, WrittenPanels } from './dashboard-types.ts';

void test('every field and word of the dashboard is one that Grafana knows', () => {
  assert.equal(faults(JSON.stringify(dashboard)), '');
});

void test('what Grafana does not know is found', () => {
  const misspelt = {
    '"hide":0': '"hide":7',
    '"drawStyle":"line"': '"drawStyle":"lin"',
    '"legend":': '"legnd":',
    '"graphMode":': '"grphMode":',
    '"legendFormat":': '"legendFormt":',
  };
  const text = Object.entries(misspelt).reduce(
    (all, [right, wrong]) => all.replace(right, wrong),
    JSON.stringify(dashboard),
  );
  const found = faults(text);
  for (const wrong of Object.values(misspelt))
    assert.ok(found.includes(wrong.replace(':', ': ').trim()), `${wrong} in ${found}`);
  assert.equal(found.trim().split('\n').length, Object.keys(misspelt).length, found);
});

/** A constant for each panel, so that what is said of one is about its own kind. */
function faults(text: string): string {
  const { panels, ...rest } = JSON.parse(text) as WrittenDashboard & {
    panels: { type: keyof WrittenPanels }[];
  };
  const types = join(import.meta.dirname, 'dashboard-types.ts');
  const constant = (name: string, type: string, value: unknown) =>
    `export const ${name}: ${type} = ${JSON.stringify(value, null, 1)};`;
  return typeFaults(
    [
      `import type { WrittenDashboard, WrittenPanels } from ${JSON.stringify(types)};`,
      constant('dashboard', 'WrittenDashboard', rest),
      ...panels.map((panel, index) => constant(`panel${index}`, `WrittenPanels['${panel.type}']`, panel)),
    ].join('\n'),
    projectModules,
  );
}
