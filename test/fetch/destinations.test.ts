// Where a download may go: hosts, addresses, redirects.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { addressRules } from '../../src/fetch/address-rules.ts';
import { allowedHosts } from '../../src/fetch/allowed-hosts.ts';
import { fetchInProcess } from '../support/fetch-process.ts';
import { type FetchSite, patient, refusalOf, startFetchSite, wanted } from '../support/fetch-site.ts';
import { startFileServer } from '../support/file-server.ts';

describe('where a download may go', () => {
  let site: FetchSite;
  const content = Buffer.from('content');

  before(async () => {
    site = await startFetchSite();
    site.files.answers.set('/content', (_, response) => response.end(content));
  });
  after(() => site.close());

  /** Refuses, and nobody was asked anything. */
  async function isRefused(uri: string, sentence: RegExp, options = {}): Promise<void> {
    const asked = site.files.requests.length;
    const { kind, message } = await refusalOf(site.downloader(options).download(wanted(uri), patient));
    assert.equal(kind, 'not-found', message);
    assert.match(message, sentence);
    assert.equal(site.files.requests.length, asked);
    assert.deepEqual(await site.leftovers(), []);
  }

  function redirect(path: string, location: string, status = 302): string {
    site.files.answers.set(path, (_, response) => response.writeHead(status, { location }).end());
    return site.url(path);
  }

  test('a listed host is fetched from', async () => {
    const { uri, digest } = await site.downloader().download(wanted(site.url('/content')), patient);
    assert.equal(uri, site.url('/content'));
    assert.deepEqual(await site.bytesOf(digest), content);
  });

  test('nothing is fetched from anywhere when no host is listed', async () => {
    await isRefused(site.url('/content'), /FETCH_HOSTS/, { hosts: [] });
  });

  test('a host that is not listed, or not with this port, is refused', async () => {
    await isRefused(site.url('/content', 'other.test'), /FETCH_HOSTS/);
    await isRefused(site.url('/content', 'a.files.test'), /FETCH_HOSTS/);
    await isRefused(site.url('/content'), /FETCH_HOSTS/, { hosts: ['files.test'] });
    await isRefused(site.url('/content'), /FETCH_HOSTS/, { hosts: [`*.files.test:${site.files.port}`] });
  });

  test('nothing but https is fetched', async () => {
    await isRefused(site.url('/content').replace('https:', 'http:'), /only over https/);
    await isRefused('file:///etc/passwd', /only over https/);
    await isRefused('https://', /no URL/);
  });

  test('a user name or password in a URL is refused', async () => {
    await isRefused(site.url('/content').replace('files.test', 'files.test@other.test'), /user name/);
    await isRefused(site.url('/content').replace('files.test', 'me:secret@files.test'), /user name/);
  });

  test('an address in a URL, however it is written, is refused unless it is listed', async () => {
    for (const address of ['127.0.0.1', '2130706433', '0x7f.1', '[::1]', '[::ffff:127.0.0.1]']) {
      await isRefused(site.url('/content', address), /FETCH_HOSTS/);
    }
    const hosts = [`127.0.0.1:${site.files.port}`];
    const { digest } = await site
      .downloader({ hosts })
      .download(wanted(site.url('/content', '127.0.0.1')), patient);
    assert.deepEqual(await site.bytesOf(digest), content);
  });

  test('a listed address or name in a private network is refused unless that is listed too', async () => {
    const hosts = [`127.0.0.1:${site.files.port}`, `files.test:${site.files.port}`];
    await isRefused(site.url('/content', '127.0.0.1'), /FETCH_PRIVATE_NETWORKS/, {
      hosts,
      privateNetworks: [],
    });
    await isRefused(site.url('/content'), /FETCH_PRIVATE_NETWORKS/, {
      hosts,
      privateNetworks: ['10.0.0.0/8'],
    });
  });

  test('of the addresses of a name only those that are allowed are connected to', async () => {
    const resolve = () =>
      Promise.resolve(['169.254.169.254', '::ffff:127.0.0.1', '10.0.0.1', '127.0.0.1', 'fe80::1']);
    const { digest } = await site.downloader({ resolve }).download(wanted(site.url('/content')), patient);
    assert.deepEqual(await site.bytesOf(digest), content);
  });

  test('a name that means another address the next time is connected to where it was checked', async () => {
    let asked = 0;
    const resolve = () => Promise.resolve(asked++ === 0 ? ['127.0.0.1'] : ['169.254.169.254']);
    const downloader = site.downloader({ resolve });
    await downloader.download(wanted(site.url('/content')), patient);
    assert.equal(asked, 1);
    // And checked anew for the next connection.
    const { kind } = await refusalOf(downloader.download(wanted(site.url('/content')), patient));
    assert.equal(kind, 'not-found');
    assert.equal(asked, 2);
  });

  test('a name that cannot be resolved is a passing trouble', async () => {
    const resolve = () => Promise.reject(new Error('no such name'));
    const { kind, message } = await refusalOf(
      site.downloader({ resolve }).download(wanted(site.url('/content')), patient),
    );
    assert.equal(kind, 'unavailable');
    assert.match(message, /could not be resolved/);
  });

  test('redirects are followed to listed hosts, relative ones too', async () => {
    for (const status of [301, 302, 303, 307, 308]) {
      const uri = redirect(
        '/moved',
        redirect('/here', '/content').replace('files.test', 'mirror.test'),
        status,
      );
      const downloaded = await site.downloader().download(wanted(uri), patient);
      assert.equal(downloaded.uri, uri);
      assert.deepEqual(await site.bytesOf(downloaded.digest), content);
    }
  });

  test('a redirect out of the list, off https, to an address or to a private network is not followed', async () => {
    const targets = [
      [site.url('/content', 'other.test'), /redirects, but.*FETCH_HOSTS/],
      [site.url('/content').replace('https', 'http'), /redirects, but.*only over https/],
      [site.url('/content', '127.0.0.1'), /redirects, but.*FETCH_HOSTS/],
      [site.url('/content', 'me@files.test'), /redirects, but.*user name/],
      [site.url('/content', 'mirror.test'), /redirects, but.*FETCH_PRIVATE_NETWORKS/],
    ] as const;
    const resolve = (name: string) => Promise.resolve([name === 'mirror.test' ? '10.0.0.1' : '127.0.0.1']);
    for (const [location, sentence] of targets) {
      const uri = redirect('/away', location);
      const asked = site.files.requests.length;
      const { kind, message } = await refusalOf(site.downloader({ resolve }).download(wanted(uri), patient));
      assert.equal(kind, 'not-found', message);
      assert.match(message, sentence);
      assert.equal(site.files.requests.length, asked + 1);
    }
  });

  test('redirects end after five', async () => {
    const { kind, message } = await refusalOf(
      site.downloader().download(wanted(redirect('/round', '/round')), patient),
    );
    assert.equal(kind, 'failed-precondition');
    assert.match(message, /more than 5 times/);
  });

  test('a server whose certificate is not trusted, or is for another name, is not talked to', async () => {
    process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = '0';
    const stranger = await startFileServer();
    try {
      const asked = site.files.requests.length;
      const strange = `strange.test:${site.files.port}`;
      const options = [
        { uri: `https://${strange}/content`, hosts: [strange], reason: /ALTNAME/ },
        {
          uri: site.url('/content'),
          authorities: stranger.authorities,
          reason: /SELF_SIGNED|UNABLE_TO_VERIFY/,
        },
      ];
      for (const { uri, reason, ...given } of options) {
        const { kind, message } = await refusalOf(site.downloader(given).download(wanted(uri), patient));
        assert.equal(kind, 'unavailable');
        assert.match(message, reason);
      }
      assert.equal(site.files.requests.length, asked);
    } finally {
      delete process.env['NODE_TLS_REJECT_UNAUTHORIZED'];
      await stranger.close();
    }
  });

  test('no proxy is used, whatever the environment says', async () => {
    const proxied: string[] = [];
    const proxy = createServer().on('connect', (request, socket) => {
      proxied.push(request.url ?? '');
      socket.destroy();
    });
    proxy.listen(0, '127.0.0.1');
    await once(proxy, 'listening');
    const address = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
    const environment = { NODE_USE_ENV_PROXY: '1', HTTPS_PROXY: address, https_proxy: address };
    try {
      // The control shows that the environment is one in which Node would take the proxy.
      await fetchInProcess(
        { url: site.url('/content'), authorities: site.files.authorities, control: true },
        environment,
      );
      assert.equal(proxied.length, 1);
      const got = await fetchInProcess(
        { url: site.url('/content'), authorities: site.files.authorities },
        environment,
      );
      assert.equal(got, '200');
      assert.equal(proxied.length, 1);
    } finally {
      proxy.close();
    }
  });
});

test('hosts are listed by name, below a name, and with a port of their own', () => {
  const hosts = allowedHosts([
    'Files.example.com',
    '*.cdn.example.com',
    'ports.example.com:8443',
    '[2001:4860::1]',
    '*.test',
  ]);
  const allowed: [string, number][] = [
    ['files.example.com', 443],
    ['a.cdn.example.com', 443],
    ['b.a.cdn.example.com', 443],
    ['ports.example.com', 8443],
    ['[2001:4860::1]', 443],
  ];
  const refused: [string, number][] = [
    ['files.example.com', 8443],
    ['a.files.example.com', 443],
    ['files.example.com.evil.test.org', 443],
    ['files.example.com.', 443],
    ['cdn.example.com', 443],
    ['evilcdn.example.com', 443],
    ['ports.example.com', 443],
    ['example.com', 443],
    ['1.2.3.4', 443],
    ['', 443],
  ];
  for (const [host, port] of allowed) assert.ok(hosts.allow(host, port), host);
  for (const [host, port] of refused) assert.ok(!hosts.allow(host, port), host);
});

test('addresses that are not public are refused, private ones unless they are listed', () => {
  const none = addressRules([]);
  const all = addressRules(['0.0.0.0/0', '::/0']);
  const some = addressRules(['10.1.0.0/16', '127.0.0.1', 'fd00:1::/32']);
  const publicOnes = '8.8.8.8 1.1.1.1 172.15.0.1 172.32.0.1 2606:4700::1111 2a00:1450::1';
  const privateOnes =
    '10.1.0.1 172.16.0.1 172.31.255.255 192.168.0.1 127.0.0.1 127.255.255.255 100.64.0.1 ::1 fc00::1 fd00:1::1';
  const special4 =
    '0.0.0.0 0.1.2.3 169.254.169.254 192.0.0.1 192.0.2.1 192.88.99.1 198.18.0.1 198.51.100.1 203.0.113.1 224.0.0.1 239.255.255.255 240.0.0.1 255.255.255.255';
  const special6 =
    ':: fe80::1 fe80::1%lo fec0::1 ff02::1 100::1 2001::1 2001:db8::1 2002:7f00:1:: 3fff::1 5f00::1';
  const disguised4 = '::ffff:8.8.8.8 ::8.8.8.8 64:ff9b::7f00:1 64:ff9b::808:808 64:ff9b:1::1';
  for (const address of publicOnes.split(' ')) assert.ok(none.allow(address), address);
  for (const address of privateOnes.split(' ')) {
    assert.ok(!none.allow(address), address);
    assert.ok(all.allow(address), address);
  }
  for (const address of `${special4} ${special6} ${disguised4} no-address`.split(' ')) {
    assert.ok(!none.allow(address), address);
    assert.ok(!all.allow(address), address);
  }
  for (const address of ['10.1.255.255', '127.0.0.1', 'fd00:1:2::3']) assert.ok(some.allow(address), address);
  for (const address of ['10.2.0.1', '127.0.0.2', 'fd00:2::1', '::1', '::ffff:10.2.0.1']) {
    assert.ok(!some.allow(address), address);
  }
});
