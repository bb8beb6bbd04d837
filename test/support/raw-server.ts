import { after, before } from 'node:test';
import { RawClient } from './raw-http2.ts';
import { startWeir, type Weir } from './weir.ts';

/** A server on loopback for all tests of a file. */
export function rawServer(): { readonly address: () => string; readonly connect: () => RawClient } {
  let weir: Weir;
  before(async () => {
    weir = await startWeir({ tcp: true });
  });
  after(async () => {
    await weir.stop();
  });
  const address = () => weir.pushAddress;
  return { address, connect: () => new RawClient(address()) };
}
