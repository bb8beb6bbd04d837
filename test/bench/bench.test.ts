import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFile, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';

import { saveResults } from '../../bench/report/page.ts';
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

test('a second run is kept beside the first, and the page shows both', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'weir-test-'));
  t.after(() => rm(folder, { recursive: true }));
  const page = join(folder, 'benchmarks.md');
  await copyFile(join(import.meta.dirname, '..', '..', 'docs', 'benchmarks.md'), page);
  await saveResults([resultOf(3)], 'first', folder);
  assert.doesNotMatch(await readFile(page, 'utf8'), /#### Run twice/);
  await saveResults([resultOf(6)], 'second', folder);
  const text = await readFile(page, 'utf8');
  assert.match(text, /\| GetCapabilities, 64 at once +\| bazel-remote \(fastest\) \| +3 \(3–3\) \|/);
  assert.match(text, /\| GetCapabilities, 64 at once +\| bazel-remote +\| +3 \(3–3\) \| +6 \(6–6\) \|/);
});

/** Of a Weir so many times as fast as its peer. */
function resultOf(ratio: number): WorkResult {
  const servers = Object.entries({ weir: ratio, 'bazel-remote': 1 }).map(([server, units]) => ({
    server,
    version: '1',
    rounds: [{ units, seconds: 1, cpuSeconds: 1 }],
    peakBytes: 1e8,
  }));
  return { work: 'unary', date: '2026-11-30', machine: 'a machine', otherCores: 0, servers, absent: [] };
}

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
