import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';

import type { WorkResult } from '../../bench/results.ts';
import { eventually } from '../support/eventually.ts';
import { testWith } from '../support/real-parts.ts';

const program = join(import.meta.dirname, '..', '..', 'bench', 'bench.ts');
const pace = ['--rounds', '1', '--seconds', '0.01', '--peer', 'none'];

testWith('h2load')('one command measures Weir, and leaves nothing behind', async (t) => {
  const { child, folder, output } = await startBench(t, [...pace, '--json', '--work', 'batch-update']);
  const [code] = await once(child, 'close');
  assert.equal(code, 0, output().stderr);
  const [result, ...others] = JSON.parse(output().stdout) as WorkResult[];
  assert.deepEqual(others, []);
  assert.equal(result?.work, 'batch-update');
  const [weir, ...peers] = result?.servers ?? [];
  assert.deepEqual(peers, []);
  assert.equal(weir?.rounds.length, 1);
  const [round] = weir?.rounds ?? [];
  assert.ok(round !== undefined && round.units > 0 && round.seconds > 0);
  assert.ok(weir !== undefined && weir.peakBytes > 1e6);
  assert.deepEqual(await readdir(folder), []);
});

testWith('h2load')('a run that is interrupted ends its servers and removes what it stored', async (t) => {
  const { child, folder, output } = await startBench(t, [...pace, '--seconds', '60', '--work', 'unary']);
  // What a server removes while it is looked for is no matter.
  const volumes = async () => await readdir(folder, { recursive: true }).catch(() => []);
  await eventually(async () => (await volumes()).some((path) => path.endsWith(join('volume', 'cas'))));
  child.kill('SIGINT');
  const [code] = await once(child, 'close');
  assert.equal(code, 130, output().stderr);
  assert.deepEqual(await readdir(folder), []);
});

/** Volumes are below `folder`. */
async function startBench(t: TestContext, args: string[]) {
  const folder = await mkdtemp(join(tmpdir(), 'weir-test-'));
  const child = spawn(process.execPath, [program, ...args], {
    env: { ...process.env, TMPDIR: folder },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const output = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => void (output.stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => void (output.stderr += text));
  t.after(async () => {
    child.kill('SIGKILL');
    await rm(folder, { recursive: true, force: true });
  });
  return { child, folder, output: () => output };
}
