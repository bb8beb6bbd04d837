import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { KnownLoad } from '../support/known-load.ts';
import { testWith } from '../support/real-parts.ts';
import { Tally } from '../support/tally.ts';
import { startWeir } from '../support/weir.ts';

testWith('prometheus')('promtool has no complaint about the metrics of a server that was used', async (t) => {
  const weir = await startWeir({ tcp: true, http: true, env: { SCRUB_BYTES_PER_SECOND: '1e7' } });
  const load = new KnownLoad(weir, new Tally());
  t.after(async () => {
    load.close();
    await weir.stop();
  });
  await load.run();
  const input = await (await fetch(`${weir.opsUrl}/metrics`)).text();
  const { status, stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], { input, encoding: 'utf8' });
  assert.equal(`${stdout}${stderr}`, '');
  assert.equal(status, 0);
});
