import { isIPv6 } from 'node:net';

/** Four of the eight parts of an address are one network, most often one house. */
const partsOfNetwork = 4;

/** Whom an address stands for: itself, or for IPv6 its network of 64 bits, of which anybody has all addresses. */
export function clientOfAddress(address: string): string {
  if (!isIPv6(address) || address.includes('.')) return address.replace(/^::ffff:/i, '');
  const [front = '', back] = address.split('::');
  const parts = front === '' ? [] : front.split(':');
  const behind = back === undefined || back === '' ? 0 : back.split(':').length;
  while (back !== undefined && parts.length < 8 - behind) parts.push('0');
  return parts.slice(0, partsOfNetwork).join(':');
}
