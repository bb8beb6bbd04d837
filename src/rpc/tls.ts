import { createHash } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import {
  experimental,
  type Metadata,
  ServerInterceptingCall,
  type ServerCredentials,
  type ServerInterceptor,
  status,
} from '@grpc/grpc-js';
import { certificateHeader, fingerprintHeader, subjectHeader } from './caller.ts';

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

/** Credentials whose certificates can be exchanged while connections are open. */
export interface ReloadableCredentials {
  readonly credentials: ServerCredentials;
  /** Takes effect for the next handshake, and for the next call where somebody was taken off the list. Throws when the pair is unusable; the old one stays. */
  reload(material: TlsMaterial): void;
}

type IdentityListener = experimental.IdentityCertificateUpdateListener;
type CaListener = experimental.CaCertificateUpdateListener;

/**
 * TLS in the process, for people who run no proxy. Throws when key and certificate do not fit.
 *
 * OpenSSL takes a listed self-signed certificate for an authority and lets in whatever it has signed.
 * So the handshake is only the first door: each call is checked against the list of fingerprints.
 */
export function reloadableCredentials(initial: TlsMaterial): ReloadableCredentials {
  let material = checked(initial);
  const identityListeners = new Set<IdentityListener>();
  const caListeners = new Set<CaListener>();
  const identityUpdate = () => ({
    certificate: Buffer.from(material.certificate),
    privateKey: Buffer.from(material.key),
  });
  const caUpdate = () => ({ caCertificate: Buffer.from(material.clients?.certificates ?? '') });
  // grpc-js loses what a listener is told while it is being added: it hears of it a moment later.
  const provider: experimental.CertificateProvider = {
    addIdentityCertificateListener(listener) {
      identityListeners.add(listener);
      queueMicrotask(() => listener(identityUpdate()));
    },
    removeIdentityCertificateListener: (listener) => void identityListeners.delete(listener),
    addCaCertificateListener(listener) {
      caListeners.add(listener);
      queueMicrotask(() => listener(caUpdate()));
    },
    removeCaCertificateListener: (listener) => void caListeners.delete(listener),
  };
  const needsClients = material.clients !== undefined;
  const credentials = experimental.createCertificateProviderServerCredentials(
    provider,
    needsClients ? provider : null,
    needsClients,
  );
  const interceptor = identityInterceptor(() => material.clients);
  return {
    credentials: experimental.createServerCredentialsWithInterceptors(credentials, [interceptor]),
    reload(next) {
      material = checked(next);
      for (const listener of caListeners) listener(caUpdate());
      for (const listener of identityListeners) listener(identityUpdate());
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

/** Puts the verified identity where the proxy would put it, and takes away what the client claims there. */
function identityInterceptor(clients: () => AuthorizedClients | undefined): ServerInterceptor {
  return (_method, call) =>
    new ServerInterceptingCall(call, {
      start(next) {
        next({
          onReceiveMetadata(metadata, proceed) {
            metadata.remove(fingerprintHeader);
            metadata.remove(subjectHeader);
            metadata.remove(certificateHeader);
            const allowed = clients();
            if (allowed === undefined) return proceed(metadata);
            const certificate = call.getAuthContext().sslPeerCertificate;
            const fingerprint = certificate && createHash('sha256').update(certificate.raw).digest('hex');
            if (fingerprint === undefined || !allowed.fingerprints.has(fingerprint)) {
              return call.sendStatus({
                code: status.UNAUTHENTICATED,
                details:
                  'this client certificate is not on the list; add it to the file given with --client-certs',
              });
            }
            identify(metadata, fingerprint, certificate?.subject);
            proceed(metadata);
          },
        });
      },
    });
}

function identify(metadata: Metadata, fingerprint: string, subject: object | undefined): void {
  metadata.set(fingerprintHeader, fingerprint);
  const parts = Object.entries(subject ?? {}).map(([name, value]) => `${name}=${String(value)}`);
  // Header values are ASCII; a name in another script is escaped.
  metadata.set(subjectHeader, encodeURI(parts.join(',')));
}
