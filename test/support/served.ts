import { after, before } from 'node:test';
import { startWeir, type Weir, type WeirOptions } from './weir.ts';
import { type Clients, clientsAt } from './wire.ts';

/** A server with a client of each listener. */
export interface Served {
  readonly weir: Weir;
  readonly push: Clients;
  readonly pull: Clients;
}

/** The setting for suites that remove files behind the server's back and want it to look at once. */
export const looksAlways: WeirOptions = { env: { LEASE_MEMORY: 'false' } };

/** For the suite around the call: a server of its own, handed over before its first test and stopped after its last. */
export function served(handOver: (site: Served) => void, options: WeirOptions = {}): void {
  let site: Served | undefined;

  before(async () => {
    const weir = await startWeir(options);
    site = { weir, push: clientsAt(weir.pushAddress), pull: clientsAt(weir.pullAddress) };
    handOver(site);
  });

  after(async () => {
    site?.push.close();
    site?.pull.close();
    await site?.weir.stop();
  });
}
