import { once } from 'node:events';
import { connect } from 'node:tls';

/** SHA-256 of the certificate that a server on this machine shows now, in lower-case hex. */
export async function shownFingerprint(port: number): Promise<string> {
  const socket = connect({ port, host: 'localhost', rejectUnauthorized: false });
  await once(socket, 'secureConnect');
  const { fingerprint256 } = socket.getPeerCertificate();
  socket.destroy();
  return fingerprint256.replaceAll(':', '').toLowerCase();
}
