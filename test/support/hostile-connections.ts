import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import {
  callBlock,
  flag,
  frame,
  frameType,
  greeting as greetingWith,
  literal,
  preface,
} from './raw-http2.ts';

/** What goes over one connection of somebody who means harm. Resolves when it has nothing more to send. */
type Attack = (socket: Socket, isGoing: () => boolean) => Promise<void> | void;

/** Not where the healthy come from: what one address may have at once is bounded, and theirs is not to be used up. */
const attackersAddress = '127.0.0.2';

const { none, endHeaders } = flag;
const greeting = greetingWith();
const read = '/google.bytestream.ByteStream/Read';
const write = '/google.bytestream.ByteStream/Write';

/** By name, so that a process can be told which. */
export const attacks = {
  silent: () => {},
  halfPreface: (socket) => void socket.write(preface.subarray(0, 9)),
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
      Buffer.concat([headers(id, read), frame(frameType.reset, none, id, Buffer.from([0, 0, 0, 8]))]),
    ),
  longHeaders: (socket) => flood(socket, (id) => headers(id, read, endHeaders, pairs(60, 'x'.repeat(200)))),
  manyHeaders: (socket) => flood(socket, (id) => headers(id, read, endHeaders, pairs(2000, ''))),
  continuations: (socket) => {
    socket.write(Buffer.concat([greeting, headers(1, read, none)]));
    return flood(socket, () => frame(frameType.continuation, none, 1, pairs(300, 'y'.repeat(40))), false);
  },
  emptyContinuations: (socket) => {
    socket.write(Buffer.concat([greeting, headers(1, read, none)]));
    return flood(socket, () => frame(frameType.continuation, none, 1, Buffer.alloc(0)), false);
  },
  pings: (socket) => flood(socket, () => frame(frameType.ping, none, 0, Buffer.alloc(8))),
  settings: (socket) => flood(socket, () => frame(frameType.settings, none, 0, Buffer.alloc(0))),
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

function data(stream: number, payload: Buffer): Buffer {
  return frame(frameType.data, none, stream, payload);
}

function headers(
  stream: number,
  path: string,
  flags: number = endHeaders,
  more: Buffer = Buffer.alloc(0),
): Buffer {
  return frame(frameType.headers, flags, stream, Buffer.concat([callBlock(path), more]));
}

function pairs(count: number, value: string): Buffer {
  return Buffer.concat(Array.from({ length: count }, (_, index) => literal(`x-${index}`, value)));
}
