// The dashboard's expressions, by Prometheus's own tool, and on a real Prometheus that scrapes a real server.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { eventually } from '../support/eventually.ts';
import { KnownLoad } from '../support/known-load.ts';
import { Prometheus } from '../support/prometheus.ts';
import { testWith } from '../support/real-parts.ts';
import { Tally } from '../support/tally.ts';
import { blobFile } from '../support/volume-damage.ts';
import { startWeir, type Weir, type WeirOptions } from '../support/weir.ts';
import { clientsAt, downloadName, failure, putBatch, randomBlob, read } from '../support/wire.ts';
import { dashboard, shownExpressions } from './dashboard.ts';

const mebibyte = 1024 * 1024;

/** What needs what this server does not have (certificates), or what happens to none within a minute (a second start). */
const emptyHere = new Set(['Valid for', 'Starts']);

async function watched(
  t: TestContext,
  options: WeirOptions,
): Promise<{ weir: Weir; prometheus: Prometheus }> {
  const weir = await startWeir({ tcp: true, http: true, ...options });
  t.after(async () => await weir.stop());
  const prometheus = await Prometheus.start([new URL(weir.opsUrl).host]);
  t.after(async () => await prometheus.stop());
  return { weir, prometheus };
}

void test('every panel of the dashboard says which question it answers', () => {
  const panels = dashboard.panels.filter(({ type }) => type !== 'row');
  assert.ok(panels.length > 30);
  for (const { title, description = '' } of panels) assert.match(description, /\w/, title);
  const titles = panels.map(({ title }) => title);
  assert.deepEqual(titles, [...new Set(titles)]);
});

testWith('prometheus')('promtool takes every expression of the dashboard', async (t) => {
  const rules = shownExpressions().map(({ expression }, index) => ({
    record: `dashboard:expression_${index}`,
    expr: expression,
  }));
  const folder = await mkdtemp(join(tmpdir(), 'weir-dashboard-'));
  t.after(async () => await rm(folder, { recursive: true }));
  // JSON is YAML too.
  const file = join(folder, 'dashboard.yml');
  await writeFile(file, JSON.stringify({ groups: [{ name: 'dashboard', rules }] }));
  const { status, stdout, stderr } = spawnSync('promtool', ['check', 'rules', file], { encoding: 'utf8' });
  assert.equal(status, 0, `${stdout}${stderr}`);
  assert.match(stdout, new RegExp(`${rules.length} rules found`));
});

testWith('prometheus')(
  'every panel shows something after a load, and every rule can be evaluated',
  async (t) => {
    // Room is made all the time, and all is read again: those panels are to have something too.
    const { weir, prometheus } = await watched(t, {
      env: { QUOTA: String(24 * mebibyte), LEASE_SECONDS: '1', SCRUB_BYTES_PER_SECOND: '1e7' },
    });
    const load = new KnownLoad(weir, new Tally());
    const stopping = new AbortController();
    // What has been evicted meanwhile is missing: that is no concern of this test.
    const working = (async () => {
      while (!stopping.signal.aborted) await load.run().catch(() => {});
    })();
    try {
      for (const { panel, expression } of shownExpressions()) {
        const samples = async () => await prometheus.query(expression);
        if (emptyHere.has(panel)) await samples();
        else {
          await eventually(async () => (await samples()).some(({ value }) => Number.isFinite(value))).catch(
            () => assert.fail(`${panel} shows nothing: ${expression}`),
          );
        }
      }
      await eventually(async () => (await prometheus.rules()).every(({ health }) => health !== 'unknown'));
      const failed = (await prometheus.rules()).filter(({ health }) => health !== 'ok');
      assert.deepEqual(failed, []);
    } finally {
      stopping.abort();
      await working;
      load.close();
    }
  },
);

testWith('prometheus')(
  'a server that is well raises no alert, and one whose files somebody removes does',
  async (t) => {
    const { weir, prometheus } = await watched(t, {});
    const load = new KnownLoad(weir, new Tally());
    const push = clientsAt(weir.pushAddress);
    t.after(() => {
      load.close();
      push.close();
    });
    await load.run();
    await eventually(async () => (await prometheus.query('up{job="weir"} == 1')).length === 1);
    const evaluated = async () => (await prometheus.rules()).every(({ health }) => health === 'ok');
    await eventually(evaluated);
    assert.deepEqual(
      (await prometheus.alerts()).filter(({ state }) => state === 'firing'),
      [],
    );
    const blob = randomBlob(1000);
    await putBatch(push, [blob]);
    await rm(blobFile(weir.volume, blob));
    assert.equal((await failure(read(push, downloadName(blob)))).status, 'NOT_FOUND');
    const firing = async () =>
      (await prometheus.alerts()).find(
        ({ state, labels }) => state === 'firing' && labels['alertname'] === 'WeirPromiseBroken',
      );
    await eventually(async () => (await firing()) !== undefined);
    const alert = await firing();
    assert.equal(alert?.labels['severity'], 'critical');
    assert.match(alert?.annotations['description'] ?? '', new RegExp(new URL(weir.opsUrl).host));
    assert.match(alert?.annotations['runbook'] ?? '', /^docs\/monitoring\.md#weirpromisebroken$/);
  },
);
