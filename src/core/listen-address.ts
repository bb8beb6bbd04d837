const unixPrefix = 'unix:';

/** What node:net listens on for `host:port`, `[ipv6]:port` or `unix:/absolute/path`. */
export function listenOptions(address: string): { path: string } | { host: string; port: number } {
  if (address.startsWith(unixPrefix)) return { path: address.slice(unixPrefix.length) };
  const colon = address.lastIndexOf(':');
  return { host: address.slice(0, colon).replace(/^\[|\]$/g, ''), port: Number(address.slice(colon + 1)) };
}
