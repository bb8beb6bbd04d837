// What may not be sent: a connection or a stream ends, and says why.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { eventually } from '../support/eventually.ts';
import {
  call,
  callBlock,
  capabilities,
  codes,
  emptyMessage,
  flag,
  frame,
  frameType,
  greeting,
  headersOf,
  literal,
  maxWindow,
  setting,
  settingsFrame,
  uint32,
} from '../support/raw-http2.ts';
import { rawServer } from '../support/raw-server.ts';

const { ack, endHeaders, endStream, none, padded } = flag;
const nothing = new Uint8Array();

const { connect } = rawServer();

const open = headersOf(1);
const ofLength = (length: string) => callBlock(capabilities, [['content-length', length]]);

/** What ends a connection, and with which code. */
const connectionFaults: readonly (readonly [what: string, code: number, bytes: readonly Uint8Array[]])[] = [
  ['data on stream 0', codes.protocol, [frame(frameType.data, none, 0, emptyMessage)]],
  ['data on a stream that has not begun', codes.protocol, [frame(frameType.data, none, 5, emptyMessage)]],
  ['headers on an even stream', codes.protocol, [headersOf(2)]],
  ['headers on stream 0', codes.protocol, [headersOf(0)]],
  ['a reset of a stream that has not begun', codes.protocol, [frame(frameType.reset, none, 5, uint32(8))]],
  ['a reset of three bytes', codes.frameSize, [open, frame(frameType.reset, none, 1, Buffer.alloc(3))]],
  ['a priority of four bytes', codes.frameSize, [frame(frameType.priority, none, 1, Buffer.alloc(4))]],
  ['a priority on stream 0', codes.protocol, [frame(frameType.priority, none, 0, Buffer.alloc(5))]],
  ['settings of five bytes', codes.frameSize, [frame(frameType.settings, none, 0, Buffer.alloc(5))]],
  ['settings on a stream', codes.protocol, [frame(frameType.settings, none, 1, nothing)]],
  [
    'acknowledged settings with settings',
    codes.frameSize,
    [frame(frameType.settings, ack, 0, Buffer.alloc(6))],
  ],
  ['a setting to push that is 2', codes.protocol, [settingsFrame({ [setting.enablePush]: 2 })]],
  ['an initial window of 2^31', codes.flowControl, [settingsFrame({ [setting.initialWindowSize]: 2 ** 31 })]],
  ['frames of at most 100 bytes', codes.protocol, [settingsFrame({ [setting.maxFrameSize]: 100 })]],
  ['a pushed request', codes.protocol, [frame(frameType.pushPromise, endHeaders, 1, uint32(2))]],
  ['a ping of seven bytes', codes.frameSize, [frame(frameType.ping, none, 0, Buffer.alloc(7))]],
  ['a ping on a stream', codes.protocol, [frame(frameType.ping, none, 1, Buffer.alloc(8))]],
  ['a goaway on a stream', codes.protocol, [frame(frameType.goaway, none, 1, Buffer.alloc(8))]],
  ['a window that grows by nothing', codes.protocol, [frame(frameType.windowUpdate, none, 0, uint32(0))]],
  [
    'a window update of three bytes',
    codes.frameSize,
    [frame(frameType.windowUpdate, none, 0, Buffer.alloc(3))],
  ],
  ['a window beyond 2^31', codes.flowControl, [frame(frameType.windowUpdate, none, 0, uint32(maxWindow))]],
  [
    'initial windows that make one too large',
    codes.flowControl,
    [
      open,
      frame(frameType.windowUpdate, none, 1, uint32(maxWindow - 65_535)),
      settingsFrame({ [setting.initialWindowSize]: 65_536 }),
    ],
  ],
  ['a continuation of nothing', codes.protocol, [frame(frameType.continuation, endHeaders, 1, nothing)]],
  [
    'a ping between headers',
    codes.protocol,
    [headersOf(1, undefined, none), frame(frameType.ping, none, 0, Buffer.alloc(8))],
  ],
  [
    'data between headers',
    codes.protocol,
    [open, headersOf(3, undefined, none), frame(frameType.data, none, 1, emptyMessage)],
  ],
  [
    'headers going on in another stream',
    codes.protocol,
    [headersOf(1, undefined, none), frame(frameType.continuation, endHeaders, 3, nothing)],
  ],
  ['a frame that is too long', codes.frameSize, [open, frame(frameType.data, none, 1, Buffer.alloc(65_537))]],
  [
    'data with more padding than bytes',
    codes.protocol,
    [open, frame(frameType.data, padded, 1, Buffer.from([5, 0]))],
  ],
  ['data with padding and no bytes', codes.protocol, [open, frame(frameType.data, padded, 1, nothing)]],
  [
    'headers with more padding than bytes',
    codes.protocol,
    [headersOf(1, Buffer.from([9, 0x82]), endHeaders | padded)],
  ],
  ['a header of a number that there is not', codes.compression, [headersOf(1, Buffer.from([0xff, 0x20]))]],
  ['a header of the number 0', codes.compression, [headersOf(1, Buffer.from([0x80]))]],
  ['a header that goes on behind its block', codes.compression, [headersOf(1, Buffer.from([0, 10, 0x61]))]],
  [
    'a number without end',
    codes.compression,
    [headersOf(1, Buffer.from([0xff, 0xff, 0xff, 0xff, 0xff, 0xff]))],
  ],
  [
    'a table of headers that is too large',
    codes.compression,
    [headersOf(1, Buffer.from([0x3f, 0xe2, 0x1f]))],
  ],
  ['a table that is resized behind a header', codes.compression, [headersOf(1, Buffer.from([0x82, 0x20]))]],
  [
    'a Huffman code with the end of the text in it',
    codes.compression,
    [headersOf(1, Buffer.from([0, 0x84, 0xff, 0xff, 0xff, 0xff, 1, 0x61]))],
  ],
  [
    'a Huffman code with a byte of padding',
    codes.compression,
    [headersOf(1, Buffer.from([0, 0x82, 0x1f, 0xff, 1, 0x61]))],
  ],
  [
    'a Huffman code padded with zeros',
    codes.compression,
    [headersOf(1, Buffer.from([0, 0x81, 0x18, 1, 0x61]))],
  ],
  [
    'headers without end',
    codes.calm,
    [
      headersOf(1, undefined, none),
      ...Array.from({ length: 70 }, () => frame(frameType.continuation, none, 1, Buffer.from([0x82]))),
    ],
  ],
  [
    'very long headers',
    codes.calm,
    [
      headersOf(1, undefined, none),
      ...Array.from({ length: 9 }, () => frame(frameType.continuation, none, 1, Buffer.alloc(16_000, 0x82))),
    ],
  ],
];

/** What ends the stream, and leaves the connection as it is. */
const streamFaults: readonly (readonly [what: string, code: number, bytes: readonly Uint8Array[]])[] = [
  [
    'data behind its end',
    codes.streamClosed,
    [open, frame(frameType.data, endStream, 1, nothing), frame(frameType.data, none, 1, emptyMessage)],
  ],
  ['trailers that do not end it', codes.protocol, [open, headersOf(1, literal('x', 'y'))]],
  [
    'trailers with a path',
    codes.protocol,
    [open, headersOf(1, literal(':path', '/'), endHeaders | endStream)],
  ],
  [
    'a window that grows by nothing',
    codes.protocol,
    [open, frame(frameType.windowUpdate, none, 1, uint32(0))],
  ],
  [
    'a window beyond 2^31',
    codes.flowControl,
    [open, frame(frameType.windowUpdate, none, 1, uint32(maxWindow))],
  ],
  ['a name with a capital', codes.protocol, [headersOf(1, callBlock(capabilities, [['X-Tool', 'y']]))]],
  ['an empty name', codes.protocol, [headersOf(1, callBlock(capabilities, [['', 'y']]))]],
  ['a value with a line break', codes.protocol, [headersOf(1, callBlock(capabilities, [['x', 'a\nb']]))]],
  [
    'a value that begins with a blank',
    codes.protocol,
    [headersOf(1, callBlock(capabilities, [['x', ' a']]))],
  ],
  [
    'two paths',
    codes.protocol,
    [headersOf(1, Buffer.concat([literal(':path', '/a'), callBlock(capabilities)]))],
  ],
  [
    'a pseudo-header behind others',
    codes.protocol,
    [headersOf(1, callBlock(capabilities, [[':authority', 'y']]))],
  ],
  [
    'a status',
    codes.protocol,
    [headersOf(1, Buffer.concat([literal(':status', '200'), callBlock(capabilities)]))],
  ],
  [
    'no path',
    codes.protocol,
    [headersOf(1, Buffer.concat([literal(':method', 'POST'), literal(':scheme', 'http')]))],
  ],
  ['an empty path', codes.protocol, [headersOf(1, callBlock(''))]],
  [
    'a header about the connection',
    codes.protocol,
    [headersOf(1, callBlock(capabilities, [['connection', 'close']]))],
  ],
  ['a length that is no number', codes.protocol, [headersOf(1, ofLength('5x'))]],
  [
    'two lengths',
    codes.protocol,
    [
      headersOf(
        1,
        callBlock(capabilities, [
          ['content-length', '5'],
          ['content-length', '6'],
        ]),
      ),
    ],
  ],
  [
    'less data than its length',
    codes.protocol,
    [headersOf(1, ofLength('6')), frame(frameType.data, endStream, 1, emptyMessage)],
  ],
  [
    'more data than its length',
    codes.protocol,
    [headersOf(1, ofLength('4')), frame(frameType.data, none, 1, emptyMessage)],
  ],
  ['a length and no data', codes.protocol, [headersOf(1, ofLength('1'), endHeaders | endStream)]],
  ['te: gzip', codes.protocol, [headersOf(1, callBlock(capabilities, [['te', 'gzip']]))]],
  [
    'more data than its window',
    codes.flowControl,
    // Behind a message that nobody takes: the call has one.
    [
      headersOf(1, callBlock(capabilities)),
      ...Array.from({ length: 5 }, () =>
        frame(frameType.data, none, 1, Buffer.concat(Array.from({ length: 3200 }, () => emptyMessage))),
      ),
    ],
  ],
];

void describe('A connection ends, and says why, with', () => {
  for (const [what, code, bytes] of connectionFaults)
    test(what, async () => {
      const client = connect();
      client.send(greeting(), ...bytes);
      const goaway = await client.next(({ type }) => type === frameType.goaway);
      assert.equal(goaway?.payload.readUInt32BE(4), code);
      assert.notEqual(goaway.payload.subarray(8).toString(), '');
      await eventually(() => Promise.resolve(client.hasEnded));
      client.close();
    });

  test('anything before settings', async () => {
    const client = connect();
    client.send(Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), call(1));
    const goaway = await client.next(({ type }) => type === frameType.goaway);
    assert.equal(goaway?.payload.readUInt32BE(4), codes.protocol);
    client.close();
  });

  test('streams that are begun and reset without end', async () => {
    const client = connect();
    client.send(greeting());
    for (let id = 1; id < 4000 && !client.hasEnded; id += 2)
      client.send(headersOf(id), frame(frameType.reset, none, id, uint32(8)));
    const goaway = await client.next(({ type }) => type === frameType.goaway);
    assert.equal(goaway?.payload.readUInt32BE(4), codes.calm);
    client.close();
  });
});

void describe('A stream is reset, and those beside it are answered, with', () => {
  for (const [what, code, bytes] of streamFaults)
    test(what, async () => {
      const client = connect();
      client.send(greeting(), ...bytes, call(99));
      const { reset } = await client.answer(1);
      assert.equal(reset, code);
      await client.expectOk(99);
      client.close();
    });

  test('one more than there may be at once', async () => {
    const client = connect();
    client.send(greeting(), ...Array.from({ length: 129 }, (_, index) => headersOf(2 * index + 1)));
    const { reset } = await client.answer(257);
    assert.equal(reset, codes.refused);
    client.send(frame(frameType.reset, none, 1, uint32(8)), call(259));
    await client.expectOk(259);
    client.close();
  });
});
