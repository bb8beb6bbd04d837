import { BlockList, isIP } from 'node:net';

/** Which addresses may be connected to. */
export interface AddressRules {
  allow(address: string): boolean;
}

/** Somebody's own networks: allowed only where the settings list them. */
const privateNetworks = [
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '172.16.0.0/12',
  '192.168.0.0/16',
  '::1/128',
  'fc00::/7',
];

/**
 * Never allowed, by IANA's registries of special-purpose addresses: no host of the Internet has one. Among
 * them are those of cloud metadata (169.254.0.0/16), and those that carry another address inside (6to4, Teredo).
 */
const specialNetworks = [
  '0.0.0.0/8',
  '169.254.0.0/16',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.88.99.0/24',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/4',
  '240.0.0.0/4',
  '2001::/23',
  '2001:db8::/32',
  '2002::/16',
  '3fff::/20',
];

/** Of IPv6 all else is refused, with it IPv4 addresses in disguise: mapped (::ffff:0:0/96) and NAT64 (64:ff9b::/96). */
const globalUnicast = '2000::/3';

/** `allowed`: networks like `10.1.0.0/16`, or addresses, that may be connected to although they are private. */
export function addressRules(allowed: readonly string[]): AddressRules {
  const [own, never, listed, global] = [privateNetworks, specialNetworks, allowed, [globalUnicast]].map(
    listOf,
  );
  return {
    allow(address) {
      const version = isIP(address);
      if (version === 0 || address.includes('%')) return false;
      const family = version === 4 ? 'ipv4' : 'ipv6';
      if (never?.check(address, family) !== false) return false;
      if (own?.check(address, family) !== false) return listed?.check(address, family) === true;
      return version === 4 || global?.check(address, family) === true;
    },
  };
}

function listOf(networks: readonly string[]): BlockList {
  const list = new BlockList();
  for (const network of networks) {
    const [address = '', prefix] = network.split('/');
    const family = isIP(address) === 4 ? 'ipv4' : 'ipv6';
    if (prefix === undefined) list.addAddress(address, family);
    else list.addSubnet(address, Number(prefix), family);
  }
  return list;
}
