import { createHash, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect as connectHttp2,
  type IncomingHttpHeaders,
} from 'node:http2';
import { connect } from 'node:net';
import { WriteRequest } from '../../src/gen/google/bytestream/bytestream.ts';
import { openStream } from './fuzz-frames.ts';

/** Many uploads at once, of blobs that are all different, each on a connection of its own as a proxy makes them. */
export interface UploadFlood {
  /** `host:port` of a push listener on loopback. */
  readonly address: string;
  /** How many addresses they come from. */
  readonly clients: number;
  readonly uploads: number;
  readonly blobBytes: number;
  readonly messageBytes: number;
}

const patienceMs = 600_000;
const ownBytes = 16;
const pieceBytes = 16 * 1024;

/**
 * Makes all uploads side by side, and resolves with how many ended with which gRPC status; -1 stands for none.
 * It costs its process little: the blobs have all but their last bytes in common, so those are hashed and kept once.
 */
export async function floodWithUploads(flood: UploadFlood): Promise<Map<number, number>> {
  const common = Buffer.alloc(flood.blobBytes - ownBytes, 'weir');
  const hashed = createHash('sha256').update(common);
  const ends = Array.from({ length: flood.uploads }, async (_, index) => {
    const own = Buffer.from(randomUUID().replaceAll('-', ''), 'hex');
    const hash = hashed.copy().update(own).digest('hex');
    const session = await sessionFrom(`127.0.0.${2 + (index % flood.clients)}`, flood.address);
    const status = await upload(session, hash, common, own, flood.messageBytes);
    session.destroy();
    return status;
  });
  const counts = new Map<number, number>();
  for (const status of await Promise.all(ends)) counts.set(status, (counts.get(status) ?? 0) + 1);
  return counts;
}

async function sessionFrom(localAddress: string, address: string): Promise<ClientHttp2Session> {
  const [host = '', port] = address.split(':');
  const session = connectHttp2('http://weir.test', {
    createConnection: () => connect({ host, port: Number(port), localAddress }),
  });
  session.on('error', () => {});
  await once(session, 'connect');
  return session;
}

async function upload(
  session: ClientHttp2Session,
  hash: string,
  common: Buffer,
  own: Buffer,
  messageBytes: number,
): Promise<number> {
  const size = common.length + own.length;
  const stream = openStream(session, '/google.bytestream.ByteStream/Write');
  let status = -1;
  const note = (headers: IncomingHttpHeaders) => {
    if (headers['grpc-status'] !== undefined) status = Number(headers['grpc-status']);
  };
  stream
    .on('response', note)
    .on('trailers', note)
    .on('data', () => {});
  const ended = new Promise<void>((resolve, reject) => {
    const hung = setTimeout(() => reject(new Error('an upload has no end')), patienceMs);
    stream.on('close', () => {
      clearTimeout(hung);
      resolve();
    });
  });
  const resourceName = `uploads/${randomUUID()}/blobs/${hash}/${size}`;
  for (let offset = 0; offset < size; offset += messageBytes) {
    const end = Math.min(size, offset + messageBytes);
    const data = [common.subarray(offset, end), end > common.length ? own : Buffer.alloc(0)];
    for (const piece of message(resourceName, offset, end === size, data)) await send(stream, piece);
  }
  stream.end();
  await ended;
  return status;
}

/** In small pieces, each when the one before it is on its way: so all uploads move at the same pace. */
async function send(stream: ClientHttp2Stream, bytes: Buffer): Promise<void> {
  for (let sent = 0; sent < bytes.length && !stream.destroyed; sent += pieceBytes) {
    const piece = bytes.subarray(sent, sent + pieceBytes);
    await new Promise<void>((resolve) => {
      stream.once('close', resolve);
      stream.write(piece, () => {
        stream.off('close', resolve);
        resolve();
      });
    });
  }
}

/** A WriteRequest as it is on the wire, around bytes that are not copied. */
function message(resourceName: string, offset: number, finishWrite: boolean, data: Buffer[]): Buffer[] {
  const fields = WriteRequest.encode({
    resourceName,
    writeOffset: BigInt(offset),
    finishWrite,
    data: new Uint8Array(),
  }).finish();
  const length = data.reduce((sum, piece) => sum + piece.length, 0);
  const tag = [0x52];
  for (let rest = length; ; rest >>>= 7) {
    tag.push(rest > 0x7f ? (rest & 0x7f) | 0x80 : rest);
    if (rest <= 0x7f) break;
  }
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(fields.length + tag.length + length, 1);
  return [Buffer.concat([prefix, fields, Buffer.from(tag)]), ...data];
}
