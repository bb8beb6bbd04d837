import { isIP } from 'node:net';
import { CacheError } from '../core/cache-error.ts';
import { quote } from '../core/digest.ts';
import type { AddressRules } from './address-rules.ts';
import { type AllowedHosts, bareAddress, isAddress, portOf } from './allowed-hosts.ts';

/** All addresses of a name. */
export type Resolve = (hostname: string) => Promise<readonly string[]>;

/** What decides where a connection may go. */
export interface DestinationRules {
  readonly hosts: AllowedHosts;
  readonly addresses: AddressRules;
  readonly resolve: Resolve;
}

/** A place that was found to be allowed: a connection goes to one of these addresses, whatever the name means later. */
export interface Destination {
  readonly url: URL;
  readonly addresses: readonly { readonly address: string; readonly family: 4 | 6 }[];
}

/**
 * Checks a URL, or a redirect that is relative to `base`, and every address that its name has now.
 * Rejects with 'not-found' where nothing may be fetched from: to this server that URI is only a name.
 */
export async function checkedDestination(
  uri: string,
  base: URL | undefined,
  rules: DestinationRules,
): Promise<Destination> {
  const url = URL.parse(uri, base?.href);
  if (url === null) throw refusal(`${base === undefined ? quote(uri) : 'where it redirects to'} is no URL`);
  const { hostname, protocol } = url;
  if (protocol !== 'https:') throw refusal(`nothing is fetched over ${quote(protocol)}, only over https`);
  if (url.username !== '' || url.password !== '') {
    throw refusal(`a URL with a user name or password in it is not fetched; give a header instead`);
  }
  if (!rules.hosts.allow(hostname, portOf(url))) {
    throw refusal(`nothing is fetched from ${quote(url.host)}: it is not among the server's FETCH_HOSTS`);
  }
  const found = isAddress(hostname) ? [bareAddress(hostname)] : await resolved(hostname, rules.resolve);
  const addresses = found
    .filter((address) => rules.addresses.allow(address))
    .map((address) => ({ address, family: isIP(address) as 4 | 6 }));
  if (addresses.length === 0) {
    throw refusal(
      `nothing is fetched from ${quote(url.host)}: it is in a private or special network that is not among the server's FETCH_PRIVATE_NETWORKS`,
    );
  }
  return { url, addresses };
}

async function resolved(hostname: string, resolve: Resolve): Promise<readonly string[]> {
  try {
    return await resolve(hostname);
  } catch (cause) {
    throw new CacheError('unavailable', `the host ${quote(hostname)} could not be resolved`, { cause });
  }
}

function refusal(sentence: string): CacheError {
  return new CacheError('not-found', sentence);
}
