// Attacks a server from a process of its own, so that whoever measures meanwhile is not slowed by it:
//   hostile-process.ts HOST PORT '{"silent":10,"rapidReset":2}'
// Keeps so many connections of each kind going, and makes a new one where the server has ended one, until it
// is told 'enough'; then it keeps what is open. Tells its parent how many it has made and how many are open.
import type { Socket } from 'node:net';
import { attack, type AttackName } from './hostile-connections.ts';

/** What it tells its parent: connections made so far, and open now. */
export interface AttackState {
  made: number;
  open: number;
}

const [host = '', port, counts = '{}'] = process.argv.slice(2);
const heldOpenMs = 5000;
const open = new Set<Socket>();
let made = 0;
const enough = new AbortController();
const isGoing = () => !enough.signal.aborted;

async function keepGoing(name: AttackName): Promise<void> {
  while (isGoing()) {
    const socket = await attack(name, host, Number(port), isGoing);
    made++;
    if (socket.destroyed) continue;
    open.add(socket);
    await new Promise((resolve) => {
      socket.once('close', resolve);
      // The server has closed its side. What is left is for it to end, but more can begin.
      socket.once('end', resolve);
    });
    open.delete(socket);
    // Our side stays open for a while: it must not matter to the server.
    setTimeout(() => socket.destroy(), heldOpenMs);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

for (const [name, count] of Object.entries(JSON.parse(counts) as Record<AttackName, number>))
  for (let index = 0; index < count; index++) void keepGoing(name as AttackName);

const report = setInterval(
  () => process.send?.({ made, open: open.size } satisfies AttackState, () => {}),
  200,
);
process.on('message', () => {
  enough.abort();
});
process.on('disconnect', () => {
  clearInterval(report);
  process.exit(0);
});
