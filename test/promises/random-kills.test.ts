import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ClientError, Status } from 'nice-grpc';
import { figure, seededRandom, sized } from '../support/promise-size.ts';
import { newVerdict, PushLedger, pushKinds, type PushSizes, type Verdict } from '../support/push-ledger.ts';
import { testWith } from '../support/real-parts.ts';
import { expectSwept } from '../support/swept.ts';
import { startWeir, type Weir } from '../support/weir.ts';
import { type Clients, clientsAt } from '../support/wire.ts';

const kills = sized({ short: 8, long: 200 });
const pushes = sized({ short: 100, long: 2000 });
const timeout = sized({ short: 480_000, long: 3 * 3_600_000 });
const servers = 3;
const pushersAtOnce = 4;
const leaseSeconds = 4;
/** Little more than what is leased, so that room is made all the time. */
const quota = 16e6;
const sizes: PushSizes = {
  files: { least: 1, most: 5 },
  file: { least: 1, most: 60_000 },
  largeShare: 0.1,
  large: 400_000,
};
/** Between two kills. Milliseconds. */
const pause = { least: 50, most: 700 };

/** One of the servers on the volume; undefined while it is dead. */
interface Slot {
  running: { weir: Weir; clients: Clients } | undefined;
}

class Fleet {
  readonly #volume: string;
  readonly #random: () => number;
  readonly #slots: Slot[] = [];
  kills = 0;
  /** Passes that have removed something. */
  evictions = 0;

  constructor(volume: string, random: () => number) {
    this.#volume = volume;
    this.#random = random;
  }

  async start(): Promise<void> {
    for (let count = 0; count < servers; count++) {
      const slot: Slot = { running: undefined };
      await this.#startOne(slot);
      this.#slots.push(slot);
    }
  }

  /** Clients of one that runs, as far as anybody knows. */
  async anyClients(): Promise<Clients> {
    for (;;) {
      const running = this.#slots.flatMap((slot) => slot.running ?? []);
      const one = running[Math.floor(this.#random() * running.length)];
      if (one !== undefined) return one.clients;
      await sleep(20);
    }
  }

  async killOne(): Promise<void> {
    const slot = this.#slots[Math.floor(this.#random() * this.#slots.length)];
    if (slot === undefined) return;
    await this.#end(slot);
    this.kills++;
    await this.#startOne(slot);
  }

  async endAll(): Promise<void> {
    for (const slot of this.#slots) await this.#end(slot);
  }

  async #end(slot: Slot): Promise<void> {
    const { running } = slot;
    slot.running = undefined;
    await running?.weir.kill();
    this.evictions += running?.weir.output().split('"message":"made ').length ?? 1;
    this.evictions--;
    await running?.weir.stop();
    running?.clients.close();
  }

  async #startOne(slot: Slot): Promise<void> {
    // What the end of a process cannot lose needs no sync.
    const env = {
      LEASE_SECONDS: `${leaseSeconds}`,
      QUOTA: `${quota}`,
      DURABILITY: this.#random() < 0.5 ? 'relaxed' : 'strict',
    };
    const weir = await startWeir({ volume: this.#volume, env });
    slot.running = { weir, clients: clientsAt(weir.pushAddress) };
  }
}

/** Pushes until it was acknowledged, by whatever server. */
async function insist(fleet: Fleet, ledger: PushLedger, name: string, verdict: Verdict): Promise<void> {
  const kind = pushKinds.find((each) => name.startsWith(each)) ?? 'reference';
  const tree = ledger.newTree();
  for (;;) {
    const begun = Date.now();
    try {
      await ledger.push(await fleet.anyClients(), kind, name, tree);
      return;
    } catch (error) {
      if (!(error instanceof ClientError)) throw error;
      const { code, details } = error;
      if (code === Status.FAILED_PRECONDITION) {
        // Its blobs were said to be here since then.
        if (Date.now() < begun + leaseSeconds * 1000) verdict.lost.push(`${name}: ${details}`);
      } else if (!passing.has(code)) throw error;
      await sleep(50);
    }
  }
}

/** What a client sees of a server that is killed, and while there is no room because everything is leased. */
const passing = new Set([Status.UNAVAILABLE, Status.CANCELLED, Status.RESOURCE_EXHAUSTED]);

testWith('disk-images')(
  'nothing acknowledged is lost inside its lease while the servers of a volume are killed at random, and make room',
  async (t) => {
    const random = seededRandom();
    const volume = await mkdtemp(join(tmpdir(), 'weir-kills-'));
    const fleet = new Fleet(volume, random);
    t.after(async () => {
      await fleet.endAll();
      await rm(volume, { recursive: true });
    });
    await fleet.start();
    const ledger = new PushLedger(random, sizes, leaseSeconds * 1000);
    const verdict = newVerdict();
    let begun = 0;
    const isOver = () => begun >= pushes && fleet.kills >= kills;

    async function pushOn(pusher: number): Promise<void> {
      while (!isOver()) {
        const kind = pushKinds[begun++ % pushKinds.length] ?? 'reference';
        // Some take the place of others.
        await insist(fleet, ledger, `${kind}/${pusher}/${Math.floor(random() * 200)}`, verdict);
      }
    }

    async function lookOn(): Promise<void> {
      while (!isOver()) {
        const recent = ledger.names(60);
        const some = recent.filter(() => random() < 0.1);
        await ledger.lookAt(await fleet.anyClients(), verdict, some).catch(expectPassing);
        await sleep(20);
      }
    }

    async function killOn(): Promise<void> {
      while (fleet.kills < kills) {
        await sleep(pause.least + random() * (pause.most - pause.least));
        await fleet.killOne();
      }
    }

    await Promise.all([
      ...Array.from({ length: pushersAtOnce }, (_, pusher) => pushOn(pusher)),
      lookOn(),
      killOn(),
    ]);
    await ledger.lookAt(await fleet.anyClients(), verdict);
    await ledger.readPresent(await fleet.anyClients(), verdict);
    await fleet.endAll();
    const { lost, wrong, ...seen } = verdict;
    figure(t, {
      kills: fleet.kills,
      acknowledged: ledger.acknowledged,
      evictions: fleet.evictions,
      ...seen,
      lost: lost.length,
      wrong: wrong.length,
    });
    assert.deepEqual(lost, []);
    assert.deepEqual(wrong, []);
    assert.ok(seen.names > 0, 'some leases were not over when they were looked at');
    await expectSwept(volume);
  },
  { timeout },
);

function expectPassing(error: unknown): void {
  if (!(error instanceof ClientError) || !passing.has(error.code)) throw error;
}
