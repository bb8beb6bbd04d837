import { isIPv6 } from 'node:net';

/** Four of the eight parts of an address are one network, most often one house. */
const partsOfNetwork = 4;
const partsOfAddress = 8;

/** Whom an address stands for: itself, or for IPv6 its network of 64 bits, of which anybody has all addresses. */
export function clientOfAddress(address: string): string {
  if (!isIPv6(address) || address.includes('.')) return address.replace(/^::ffff:/i, '');
  const [front = '', back = ''] = address.split('::');
  const [before, after] = [front, back].map((part) => part.split(':').filter((word) => word !== ''));
  const given = [...(before ?? []), ...(after ?? [])].length;
  const zeros = Array.from({ length: partsOfAddress - given }, () => '0');
  return [...(before ?? []), ...zeros, ...(after ?? [])].slice(0, partsOfNetwork).join(':');
}
