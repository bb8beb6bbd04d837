// How a user tells Bazel 4 of a cache.
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';

import type { Remote } from './bst.ts';

/** Flags for a cache over gRPC, with the certificates that the remote has. */
export function overGrpc({ url, serverCert, clientCert, clientKey }: Remote): string[] {
  const files = [
    ['tls_certificate', serverCert],
    ['tls_client_certificate', clientCert],
    ['tls_client_key', clientKey],
  ].flatMap(([flag, file]) => (file === undefined ? [] : [`--${flag}=${file}`]));
  return [`--remote_cache=${url.replace('https:', 'grpcs:')}`, ...files];
}

/** Flags for a cache over HTTP. Bazel 4 takes the flags with certificates for gRPC alone: see `trusting`. */
export function overHttp({ url }: Remote, path = ''): string[] {
  return [`--remote_cache=${url}${path}`];
}

/**
 * Properties of a server process that trusts this server certificate over HTTP, where the flags for certificates
 * do nothing. There is no such way to give it a client certificate.
 */
export async function trusting(folder: string, certificateFile: string): Promise<Record<string, string>> {
  const store = join(folder, 'trusted.p12');
  const what = ['-importcert', '-noprompt', '-alias', 'weir', '-file', certificateFile];
  const where = ['-keystore', store, '-storetype', 'PKCS12', '-storepass', 'changeit'];
  await promisify(execFile)('keytool', [...what, ...where]);
  return { 'javax.net.ssl.trustStore': store, 'javax.net.ssl.trustStorePassword': 'changeit' };
}
