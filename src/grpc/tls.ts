import { createHash } from 'node:crypto';
import type { Socket } from 'node:net';
import { createSecureContext, TLSSocket } from 'node:tls';
import { ServerError, Status } from './status.ts';

/** What TLS in this process needs; PEM texts. */
export interface TlsMaterial {
  readonly certificate: string;
  readonly key: string;
  /** Set when clients must show one of these certificates. */
  readonly clients: AuthorizedClients | undefined;
}

/** The certificates that are let in. */
export interface AuthorizedClients {
  readonly certificates: string;
  /** SHA-256 of each, lower-case hex. */
  readonly fingerprints: ReadonlySet<string>;
}

/** The client certificate of a connection. */
export interface ClientCertificate {
  /** SHA-256, lower-case hex. */
  readonly fingerprint: string;
  readonly subject: string;
}

/** TLS whose certificates can be exchanged while connections are open. */
export interface ReloadableTls {
  /** For a server that begins, and for setSecureContext. */
  serverOptions(): {
    cert: string;
    key: string;
    ca: string | undefined;
    requestCert: boolean;
    rejectUnauthorized: boolean;
  };
  /** Takes effect for the next handshake, and for the next call where somebody was taken off the list. Throws when the pair is unusable; the old one stays. */
  reload(material: TlsMaterial): void;
  onReload(told: () => void): void;
  /** Whom a connection is from; undefined where clients need no certificate. Throws a ServerError for one that is not on the list now. */
  identify(socket: Socket): ClientCertificate | undefined;
}

/**
 * TLS in the process, for people who run no proxy. Throws when key and certificate do not fit.
 *
 * OpenSSL takes a listed self-signed certificate for an authority and lets in whatever it has signed.
 * So the handshake is only the first door: each call is checked against the list of fingerprints.
 */
export function reloadableTls(initial: TlsMaterial): ReloadableTls {
  let material = checked(initial);
  const told = new Set<() => void>();
  const needsClients = material.clients !== undefined;
  const known = new WeakMap<Socket, ClientCertificate>();
  return {
    serverOptions: () => ({
      cert: material.certificate,
      key: material.key,
      ca: material.clients?.certificates,
      requestCert: needsClients,
      rejectUnauthorized: needsClients,
    }),
    reload(next) {
      material = checked(next);
      for (const tell of told) tell();
    },
    onReload: (tell) => void told.add(tell),
    identify(socket) {
      const { clients } = material;
      if (clients === undefined) return undefined;
      const certificate = known.get(socket) ?? certificateOf(socket);
      if (certificate === undefined || !clients.fingerprints.has(certificate.fingerprint)) {
        throw new ServerError(
          Status.UNAUTHENTICATED,
          'this client certificate is not on the list; add it to the file given with --client-certs',
        );
      }
      known.set(socket, certificate);
      return certificate;
    },
  };
}

function checked(material: TlsMaterial): TlsMaterial {
  try {
    createSecureContext({ cert: material.certificate, key: material.key });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`the server's key and certificate cannot be used together: ${reason}`, { cause: error });
  }
  return material;
}

function certificateOf(socket: Socket): ClientCertificate | undefined {
  if (!(socket instanceof TLSSocket)) return undefined;
  const { raw, subject } = socket.getPeerCertificate();
  // Node gives an empty object where there is none.
  if ((raw as Buffer | undefined) === undefined) return undefined;
  const parts = Object.entries(subject).map(([name, value]) => `${name}=${String(value)}`);
  // As in a header of the proxy's, which is ASCII; a name in another script is escaped.
  return { fingerprint: createHash('sha256').update(raw).digest('hex'), subject: encodeURI(parts.join(',')) };
}
