// docs/monitoring.md has every metric and every alert, and whatever names a metric names one that there is.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';

import { startWeir } from '../support/weir.ts';
import { codeWords, exists, page, pages, project, section, tableRows } from './documents.ts';

const rules = 'monitoring/rules/weir.yml';
const dashboard = 'monitoring/grafana/dashboards/weir.json';
const guide = page('docs/monitoring.md');

/** Of nginx: the name of its log format, and its tag in the journal. They look like metrics. */
const noMetrics = ['weir_json', 'weir_nginx'];

/** The alerts of the rules, each with its text. */
const alerts = new Map(
  page(rules)
    .split(/^ *- (?=alert:|record:|name:)/m)
    .flatMap((text) => {
      const name = /^alert: (\w+)$/m.exec(text)?.[1];
      return name === undefined ? [] : [[name, text] as const];
    }),
);

function sorted(names: Iterable<string>): string[] {
  return [...new Set(names)].sort();
}

void describe('the monitoring guide', () => {
  /** Every metric of a running server, with its type. */
  let metrics: Map<string, string>;

  before(async () => {
    const weir = await startWeir();
    try {
      const text = await (await fetch(`${weir.opsUrl}/metrics`)).text();
      metrics = new Map(
        [...text.matchAll(/^# TYPE (\w+) (\w+)$/gm)].map(([, name = '', type = '']) => [name, type]),
      );
    } finally {
      await weir.stop();
    }
  });

  test('has labels and questions of the metrics as the code has them', () => {
    const script = join(project, 'scripts', 'metrics-page.mjs');
    const { status, stderr } = spawnSync(process.execPath, [script, '--check'], { encoding: 'utf8' });
    assert.deepEqual([status, stderr], [0, '']);
  });

  test('has every metric of a running server with a question, and no other', () => {
    const rows = tableRows(section(guide, 'The metrics')).filter(([names = '']) => names.startsWith('`'));
    assert.ok(metrics.size > 60);
    assert.deepEqual(sorted(rows.flatMap(([names = '']) => codeWords(names))), sorted(metrics.keys()));
    for (const row of rows) assert.match(row.at(-1) ?? '', /\?/, `${row[0]} answers no question`);
  });

  test('and everything else names no metric that does not exist', () => {
    // What Prometheus makes of a histogram, and of our records.
    const known = new Set([
      ...[...metrics].flatMap(([name, type]) =>
        type === 'histogram' ? ['', '_bucket', '_count', '_sum'].map((suffix) => name + suffix) : [name],
      ),
      ...noMetrics,
      ...[...page(rules).matchAll(/record: \w+:(\w+):\w+/g)].map(([, name = '']) => name),
    ]);
    // A decision describes the day it was taken.
    const today = pages.filter((path) => !path.startsWith('docs/adr/'));
    for (const path of [...today, rules, dashboard]) {
      const named = [...page(path).matchAll(/(?<![\w.-])(?:weir|grpc_server|process|nodejs)_\w+/g)].map(
        ([name]) => name,
      );
      // `process_…` stands for all of them.
      const unknown = sorted(named).filter((name) => !known.has(name) && !/^(?:process|nodejs)_$/.test(name));
      assert.deepEqual(unknown, [], path);
    }
  });

  test('has an entry for each alert with what to look at and what to do, and no other', () => {
    const entries = section(guide, 'The alerts').split(/^### /m).slice(1);
    const names = entries.map((entry) => entry.slice(0, entry.indexOf('\n')));
    assert.ok(alerts.size > 20);
    assert.deepEqual(sorted(names), sorted(alerts.keys()));
    for (const entry of entries.filter((each) => !/^\w+\n\nAs \[\w+\]\(#\w+\)/.test(each))) {
      assert.match(entry, /`(?:critical|warning|info)`/);
      assert.match(entry, /\*\*First look\*\*: ./);
      assert.match(entry, /\*\*Remedy\*\*: ./);
    }
  });

  test('is where each alert sends its reader, who is told what to do already', () => {
    for (const [name, text] of alerts) {
      const severity = /severity: (\w+)/.exec(text)?.[1] ?? '';
      assert.match(severity, /^(?:critical|warning|info)$/, name);
      assert.match(text, /^ +summary: ./m, name);
      assert.match(text, /^ +description: >-\n +\S.{40}/m, name);
      const [, file = '', anchor] = /^ +runbook: ([\w/.]+)#(\w+)$/m.exec(text) ?? [];
      assert.ok(exists(file), name);
      const heading = [...alerts.keys()].find((alert) => alert.toLowerCase() === anchor);
      assert.ok(heading !== undefined && name.startsWith(heading.replace(/s$/, '')), `${name}: ${anchor}`);
      const entry = section(guide, heading);
      assert.ok(entry.includes(`\`${severity}\``) || entry.startsWith('\nAs ['), `${name} is ${severity}`);
    }
  });
});
