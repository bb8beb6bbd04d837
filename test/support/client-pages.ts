// What the pages for users of clients (docs/clients/) tell them to write, for a site of a test.
import { join } from 'node:path';

import { page, section } from '../docs/documents.ts';
import type { Site } from './bst-site.ts';

type ClientPage = 'buildstream-1' | 'buildstream-2' | 'bazel' | 'recc';

export interface Written {
  site: Pick<Site, 'pull' | 'push'>;
  /** File with an access token. */
  tokenFile?: string;
  token?: string;
}

/** The first block under a heading of a page, with addresses, paths and token of the site instead of the page's. */
export function asWritten(client: ClientPage, heading: string, { site, tokenFile, token }: Written): string {
  const text = section(page(join('docs', 'clients', `${client}.md`)), heading);
  const [, block] = /^```\w*\n(.*?)^```$/ms.exec(text) ?? [];
  if (block === undefined) throw new Error(`${client}: there is no block under ${heading}`);
  const here = new Map([
    ['cache.example.com:11001', new URL(site.pull.url).host],
    ['cache.example.com:11002', new URL(site.push.url).host],
    ['/srv/keys/server.crt', site.push.serverCert],
    ['/srv/keys/client.crt', site.push.clientCert],
    ['/srv/keys/client.key', site.push.clientKey],
    ['/srv/keys/token', tokenFile],
    ['TOKEN', token],
  ]);
  return [...here].reduce((written, [there, ours]) => {
    if (!written.includes(there)) return written;
    if (ours === undefined) throw new Error(`${client}, ${heading}: the test has nothing for ${there}`);
    return written.replaceAll(there, ours);
  }, block);
}
