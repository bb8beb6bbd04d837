// Connections that come at once, more than a server takes in at that moment.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createConnection, type Socket } from 'node:net';
import { describe, test } from 'node:test';
import { eventually } from '../support/eventually.ts';
import { startWeir } from '../support/weir.ts';

/** More than the 511 that Node has the system keep. */
const many = 700;
const systemTakes = Number(readFileSync('/proc/sys/net/core/somaxconn', 'utf8'));

void describe('Connections', () => {
  for (const door of ['gRPC', 'HTTP'] as const) {
    // The system would drop the others, whose clients try again after a second, two, and four.
    test(`of ${door} wait in line for a server that is held up`, { skip: systemTakes <= many }, async (t) => {
      const weir = await startWeir({ tcp: true, http: true });
      const sockets: Socket[] = [];
      t.after(async () => {
        for (const socket of sockets) socket.destroy();
        process.kill(weir.pid, 'SIGCONT');
        await weir.stop();
      });
      const port = Number((door === 'gRPC' ? weir.pullAddress : weir.pullUrl).split(':').at(-1));
      process.kill(weir.pid, 'SIGSTOP');
      let connected = 0;
      for (let each = 0; each < many; each++) {
        const socket = createConnection(port, '127.0.0.1', () => connected++);
        socket.on('error', () => {});
        sockets.push(socket);
      }
      await eventually(() => Promise.resolve(connected === many));
      assert.equal(connected, many);
    });
  }
});
