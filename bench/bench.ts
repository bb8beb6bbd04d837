// `npm run bench`: see docs/benchmarks.md.
import { mkdtemp } from 'node:fs/promises';
import { rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { obtainParts } from '../test/support/real-parts.ts';
import { readOptions } from './options.ts';
import { profileWork } from './profiles.ts';
import { progress } from './progress.ts';
import { removeTree } from './remove-tree.ts';
import { saveResults } from './report/page.ts';
import { tables } from './report/table.ts';
import type { WorkResult } from './results.ts';
import { measure } from './rounds.ts';
import { peers } from './servers/server-kinds.ts';
import type { ServerKind } from './servers/server-kind.ts';
import { weir } from './servers/weir.ts';
import { allWorks } from './works/all-works.ts';

const names = (things: readonly { name: string }[]) => things.map(({ name }) => name);
const options = readOptions(process.argv.slice(2), names(allWorks), names(peers));
const shown = progress(process.stderr);

/** Cores that other programs may use without a warning. */
const quietCores = 0.2;

const folder = await mkdtemp(join(tmpdir(), 'weir-bench-'));
// On a signal the servers are ended by those who started them, as at any exit.
process.once('exit', () => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(130));

try {
  const fault = obtainParts(['h2load'], shown.line);
  if (fault !== undefined) throw new Error(`there is no load generator: ${fault}`);
  if (options.profile) await profileAll();
  else await compareAll();
} catch (error) {
  shown.end();
  console.error(`bench: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
} finally {
  shown.status('removing what was stored');
  await removeTree(folder);
  shown.end();
}

async function profileAll(): Promise<void> {
  for (const work of allWorks.filter(({ name }) => options.work.includes(name))) {
    const say = (what: string) => shown.status(`${work.name}: ${what}`);
    // Some works are of no use alone, or what they need is not here.
    const path = await profileWork(work, options.seconds, folder, say).catch((error: unknown) =>
      shown.line(error instanceof Error ? error.message : String(error)),
    );
    if (path !== undefined) shown.line(path);
  }
  shown.end();
}

async function compareAll(): Promise<void> {
  const absent: WorkResult['absent'] = [];
  const kinds = [weir, ...peers.filter((peer) => options.peer.includes(peer.name) && canBeHad(peer, absent))];
  const results = await measureAll(kinds, absent);
  shown.end();
  console.log(options.json ? JSON.stringify(results, null, 2) : tables(results));
}

function canBeHad(peer: ServerKind, absent: WorkResult['absent']): boolean {
  const reason = peer.obtain(shown.line);
  if (reason === undefined) return true;
  shown.line(`goes on without ${peer.name}: ${reason}`);
  absent.push({ server: peer.name, reason });
  return false;
}

async function measureAll(kinds: ServerKind[], absent: WorkResult['absent']): Promise<WorkResult[]> {
  const works = allWorks.filter(({ name }) => options.work.includes(name));
  const results: WorkResult[] = [];
  for (const [index, work] of works.entries()) {
    const say = (what: string) => shown.status(`${index + 1} of ${works.length} ${work.name}: ${what}`);
    const result = await measure(work, kinds, options, folder, say);
    for (const { server, reason } of result.absent) shown.line(`${work.name}: without ${server}: ${reason}`);
    if (result.otherCores > quietCores) {
      shown.line(
        `${work.name}: other programs kept ${result.otherCores.toFixed(1)} cores busy, which favours servers of many threads`,
      );
    }
    const whole = { ...result, absent: [...absent, ...result.absent] };
    results.push(whole);
    // Who interrupts a long run keeps what it has measured.
    if (options.save) await saveResults([whole], options.again ? 'second' : 'first');
  }
  return results;
}
