import { isIP } from 'node:net';

/** Domains that nobody can register: their names lead where the own network says. */
const privateDomains = [
  'localhost',
  'local',
  'internal',
  'lan',
  'home.arpa',
  'test',
  'svc',
  'intranet',
  'corp',
];

/**
 * Whether a request's Host is one under which the status page is given: an address, a name without a dot or below a
 * domain that cannot be registered, or one that was listed. A page of any other site could let its own name lead to this
 * port and would read, in the browser of somebody inside, what is here (DNS rebinding); the name would then be its own.
 */
export function isKnownHost(header: string | undefined, listed: readonly string[]): boolean {
  if (header === undefined) return false;
  const host = hostIn(header);
  if (host === undefined) return false;
  if (isIP(host) !== 0 || !host.includes('.')) return true;
  if (privateDomains.some((domain) => host.endsWith(`.${domain}`))) return true;
  return listed.some((entry) => matches(entry.toLowerCase(), host));
}

/** Without the port, and without the brackets of an IPv6 address. */
function hostIn(header: string): string | undefined {
  const found = /^(?:\[([0-9a-f:.]+)\]|([\w.-]+))(?::\d{1,5})?$/i.exec(header);
  return (found?.[1] ?? found?.[2])?.toLowerCase().replace(/\.$/, '');
}

function matches(entry: string, host: string): boolean {
  const name = entry.replace(/:\d+$/, '').replaceAll(/[[\]]/g, '');
  return name.startsWith('*.') ? host.endsWith(name.slice(1)) : name === host;
}
