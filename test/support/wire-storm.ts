import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import type { WireActorSettings, WireTally } from './wire-actor.ts';

/** Clients of a storm, each a process of its own. */
export interface WireStorm {
  /** Rejects when a client has ended by itself, which none should. */
  readonly ended: Promise<WireTally>;
  /** Lets them end, and sums up what they saw. */
  stop(): Promise<WireTally>;
}

const typeScript = process.features.typescript ? [] : ['--experimental-strip-types'];

/** Starts so many clients of these servers. */
export function startWireStorm(clients: number, settings: Omit<WireActorSettings, 'number'>): WireStorm {
  const actors = Array.from({ length: clients }, (_, number) => act(Object.assign({ number }, settings)));
  const ended = Promise.all(actors.map(({ tally }) => tally)).then(summedUp);
  // Whoever waits for it hears of a failure; until then it is nobody's.
  ended.catch(() => {});
  return {
    ended,
    async stop() {
      for (const { child } of actors) child.stdin?.end();
      return await ended;
    },
  };
}

function act(settings: WireActorSettings): { child: ChildProcess; tally: Promise<WireTally> } {
  const actor = join(import.meta.dirname, 'wire-actor.ts');
  const args = [...typeScript, '--disable-warning=ExperimentalWarning', actor, JSON.stringify(settings)];
  const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  const endWithUs = () => child.kill('SIGKILL');
  process.once('exit', endWithUs);
  const tally = new Promise<WireTally>((resolve, reject) => {
    let said = '';
    child.stdout.on('data', (chunk) => (said += String(chunk)));
    child.once('error', reject);
    child.once('close', (code) => {
      process.off('exit', endWithUs);
      if (code === 0) resolve(JSON.parse(said) as WireTally);
      else reject(new Error(`a client of the storm ended with ${code}`));
    });
  });
  return { child, tally };
}

function summedUp(tallies: readonly WireTally[]): WireTally {
  const sum = (field: Exclude<keyof WireTally, 'faults'>) =>
    tallies.reduce((total, tally) => total + tally[field], 0);
  return {
    answers: sum('answers'),
    gone: sum('gone'),
    kept: sum('kept'),
    unseen: sum('unseen'),
    broken: sum('broken'),
    refused: sum('refused'),
    wrong: sum('wrong'),
    failed: sum('failed'),
    faults: tallies.flatMap(({ faults }) => faults),
  };
}
