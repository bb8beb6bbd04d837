import { isIP } from 'node:net';

/** Where content may be fetched from. */
export interface AllowedHosts {
  /** `hostname` as a URL has it: in lower case, an IPv6 address in brackets. */
  allow(hostname: string, port: number): boolean;
}

const httpsPort = 443;

/**
 * Entries are `files.example.com`, `*.example.com` for every host below example.com but not itself, or an IP
 * address, each with `:port` for another port than 443. An address is only allowed where it is listed as such.
 */
export function allowedHosts(entries: readonly string[]): AllowedHosts {
  const exact = new Set<string>();
  const below = new Set<string>();
  for (const entry of entries) {
    const wild = entry.startsWith('*.');
    const { hostname, port } = new URL(`https://${wild ? entry.slice(2) : entry}`);
    (wild ? below : exact).add(`${hostname}:${port || httpsPort}`);
  }
  return {
    allow(hostname, port) {
      if (exact.has(`${hostname}:${port}`)) return true;
      if (isAddress(hostname)) return false;
      const labels = hostname.split('.');
      return labels.some((_, index) => index > 0 && below.has(`${labels.slice(index).join('.')}:${port}`));
    },
  };
}

/** Whether a URL's host is an address and no name. */
export function isAddress(hostname: string): boolean {
  return isIP(bareAddress(hostname)) !== 0;
}

/** Without the brackets that an IPv6 address has in a URL. */
export function bareAddress(hostname: string): string {
  return hostname.replace(/^\[|\]$/g, '');
}

/** The port of an https URL. */
export function portOf(url: URL): number {
  return url.port === '' ? httpsPort : Number(url.port);
}
