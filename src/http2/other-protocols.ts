const request = /^[A-Z]{3,10} [!-~]/;
const sentence = 'This port answers gRPC calls, over HTTP/2 only.\n';

/** An answer for who has begun with another protocol, where it is one that people use. */
export function answerInOtherProtocol(begin: Buffer): Buffer | undefined {
  if (!request.test(begin.toString('latin1', 0, 16))) return undefined;
  return Buffer.from(
    `HTTP/1.1 505 HTTP Version Not Supported\r\nContent-Type: text/plain\r\nContent-Length: ${sentence.length}\r\nConnection: close\r\n\r\n${sentence}`,
  );
}
