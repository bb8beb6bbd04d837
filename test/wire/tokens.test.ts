import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { eventually } from '../support/eventually.ts';
import { bearer, newToken } from '../support/tokens.ts';
import { sampleTree } from '../support/trees.ts';
import { startWeir, type Weir } from '../support/weir.ts';
import { type Clients, clientsAt, failure, findMissing, putBatch, randomBlob } from '../support/wire.ts';

const command = join(import.meta.dirname, '..', '..', 'bin', 'weir');
const certificate = {
  'x-weir-client-fingerprint': 'f'.repeat(64),
  'x-weir-client-subject': 'CN=somebody',
};
const pushToken = newToken('ci', 'push');
const pullToken = newToken('laptops', 'pull');
const unverified = { 'x-weir-unverified': '1' };

/** Servers and clients of the tests of a suite, ended after it; and a folder for lists. */
function ground() {
  const weirs: Weir[] = [];
  const clients: Clients[] = [];
  const site = {
    folder: '',
    async start(options: Parameters<typeof startWeir>[0] = {}): Promise<Weir> {
      const weir = await startWeir(options);
      weirs.push(weir);
      return weir;
    },
    at(address: string, headers: Record<string, string> = {}): Clients {
      const client = clientsAt(address, undefined, headers);
      clients.push(client);
      return client;
    },
    async list(name: string, ...lines: string[]): Promise<string> {
      const path = join(site.folder, name);
      await writeFile(path, `${lines.join('\n')}\n`);
      return path;
    },
  };
  before(async () => {
    site.folder = await mkdtemp(join(tmpdir(), 'weir-tokens-'));
  });
  after(async () => {
    for (const client of clients) client.close();
    await Promise.all(weirs.map((weir) => weir.stop()));
    await rm(site.folder, { recursive: true, force: true });
  });
  return site;
}

async function refusal(call: Promise<unknown>, message: RegExp, status = 'UNAUTHENTICATED'): Promise<void> {
  const found = await failure(call);
  assert.equal(found.status, status, found.message);
  assert.match(found.message, message);
}

const reads = async (client: Clients) => await findMissing(client, [randomBlob(10).digest]);
const writes = async (client: Clients) => await putBatch(client, [randomBlob(10)]);

describe('access tokens', () => {
  const site = ground();
  let weir: Weir;
  let ported: Weir;

  before(async () => {
    const path = await site.list('tokens', '# who may', '', `${pushToken.line} # pushes`, pullToken.line);
    const env = { TOKENS_FILE: path, LOG_LEVEL: 'debug' };
    [weir, ported] = [await site.start({ env }), await site.start({ env, tcp: true })];
  });

  test('of the role push read and write on the push listener', async () => {
    for (const { pushAddress } of [weir, ported]) {
      const client = site.at(pushAddress, pushToken.headers);
      await writes(client);
      await reads(client);
      assert.equal((await client.references.status({ instanceName: '' })).allowUpdates, true);
    }
  });

  test('of the role pull only read there, and are told why', async () => {
    for (const { pushAddress } of [weir, ported]) {
      const client = site.at(pushAddress, pullToken.headers);
      await reads(client);
      await refusal(writes(client), /access token "laptops" has the role pull; to push/, 'PERMISSION_DENIED');
      assert.equal((await client.references.status({ instanceName: '' })).allowUpdates, false);
      const { cacheCapabilities } = await client.capabilities.getCapabilities({ instanceName: '' });
      assert.equal(cacheCapabilities?.actionCacheUpdateCapabilities?.updateEnabled, false);
    }
  });

  test('are what the push listener wants from those without a certificate', async () => {
    for (const call of [reads, writes]) {
      await refusal(call(site.at(weir.pushAddress)), /needs a client certificate or an access token/);
      await refusal(call(site.at(ported.pushAddress)), /needs a client certificate or an access token/);
      // On a port nobody vouches for what the headers say.
      await refusal(call(site.at(ported.pushAddress, certificate)), /and neither was sent/);
    }
    await writes(site.at(weir.pushAddress, certificate));
  });

  test('that nobody knows are refused everywhere, whatever else is shown', async () => {
    const wrong = [
      bearer('weir_something-else'),
      bearer(pushToken.token.slice(0, -1)),
      bearer(`${pushToken.token}x`),
      // The hash is in the list, and lets nobody in.
      bearer(pushToken.line.split(' ')[2] ?? ''),
      bearer('x'.repeat(5000)),
    ];
    for (const headers of wrong) {
      for (const address of [weir.pushAddress, weir.pullAddress, ported.pushAddress]) {
        await refusal(reads(site.at(address, headers)), /access token is not known here/);
      }
      await refusal(writes(site.at(weir.pushAddress, { ...certificate, ...headers })), /not known here/);
    }
    for (const authorization of ['Basic eDp5', 'Bearer', pushToken.token, 'Bearer a b']) {
      await refusal(reads(site.at(weir.pullAddress, { authorization })), /is no access token; send it as/);
    }
  });

  test('do not make the pull listener take anything', async () => {
    const client = site.at(weir.pullAddress, pushToken.headers);
    await reads(client);
    await refusal(writes(client), /this port is for pulling only/, 'PERMISSION_DENIED');
    await reads(site.at(weir.pullAddress));
  });

  test('do not take from a certificate what it may do', async () => {
    await writes(site.at(weir.pushAddress, { ...certificate, ...pullToken.headers }));
  });

  test('are needed by what the proxy has not verified', async () => {
    await refusal(writes(site.at(weir.pushAddress, unverified)), /needs a client certificate or an access/);
    await writes(site.at(weir.pushAddress, { ...unverified, ...pushToken.headers }));
  });

  test('are in the log by name, and neither they nor their hashes are', async () => {
    const tree = sampleTree();
    const client = site.at(weir.pushAddress, pushToken.headers);
    await putBatch(client, tree.blobs);
    await client.references.updateReference({
      instanceName: '',
      keys: ['who/had/a-token'],
      digest: tree.root.digest,
    });
    const logged = () => /^\{.*"who\/had\/a-token".*\}$/m.exec(weir.output())?.[0];
    await eventually(() => logged() !== undefined);
    const entry = JSON.parse(logged() ?? '{}') as Record<string, unknown>;
    assert.equal(entry['token'], 'ci');
    assert.equal(entry['fingerprint'], '');
    for (const { token, line } of [pushToken, pullToken]) {
      assert.ok(!weir.output().includes(token));
      assert.ok(!weir.output().includes(line.split(' ')[2] ?? '-'));
    }
  });
});

describe('a server whose pull listener wants a token', () => {
  const site = ground();

  test('reads for those of either role, and for nobody else', async () => {
    const path = await site.list('tokens', pushToken.line, pullToken.line);
    const weir = await site.start({ env: { TOKENS_FILE: path, PULL_ACCESS: 'token' } });
    for (const { headers } of [pushToken, pullToken]) await reads(site.at(weir.pullAddress, headers));
    await refusal(reads(site.at(weir.pullAddress)), /pulling here needs an access token and none was sent/);
    await writes(site.at(weir.pushAddress, certificate));
  });

  test('does not start without a list', () => {
    const env = { PATH: process.env['PATH'], PULL_ACCESS: 'token' };
    const { status, stderr } = spawnSync(process.execPath, [command, 'serve'], {
      env,
      cwd: site.folder,
      encoding: 'utf8',
    });
    assert.equal(status, 2);
    assert.match(stderr, /PULL_ACCESS: token needs TOKENS_FILE/);
  });
});

describe('a server without tokens', () => {
  const site = ground();

  test('ignores those that are sent, and refuses what the proxy has not verified', async () => {
    const weir = await site.start();
    const anyToken = bearer('anything');
    await reads(site.at(weir.pullAddress, anyToken));
    await writes(site.at(weir.pushAddress, anyToken));
    for (const headers of [unverified, { ...unverified, ...anyToken }]) {
      await refusal(writes(site.at(weir.pushAddress, headers)), /takes no access tokens/);
      await refusal(reads(site.at(weir.pushAddress, headers)), /takes no access tokens/);
    }
  });
});

describe('the list of tokens', () => {
  const site = ground();
  const known = async (client: Clients) =>
    await reads(client).then(
      () => true,
      () => false,
    );

  test('is taken over when it is replaced, on connections that are open', async () => {
    const path = await site.list('replaced', pushToken.line);
    const weir = await site.start({ env: { TOKENS_FILE: path } });
    const [first, second] = [pushToken, pullToken].map(({ headers }) =>
      site.at(weir.pushAddress, headers),
    ) as [Clients, Clients];
    await reads(first);
    await refusal(reads(second), /not known here/);
    await rename(await site.list('new', pullToken.line), path);
    await eventually(() => known(second));
    await refusal(reads(first), /not known here/);
  });

  test('may be a link that is moved, as mounted secrets are', async () => {
    for (const [version, { line }] of Object.entries({ one: pushToken, two: pullToken })) {
      await mkdir(join(site.folder, `..${version}`));
      await site.list(join(`..${version}`, 'tokens'), line);
    }
    await symlink('..one', join(site.folder, '..data'));
    await symlink(join('..data', 'tokens'), join(site.folder, 'mounted'));
    const weir = await site.start({ env: { TOKENS_FILE: join(site.folder, 'mounted') } });
    const [first, second] = [pushToken, pullToken].map(({ headers }) =>
      site.at(weir.pushAddress, headers),
    ) as [Clients, Clients];
    await reads(first);
    await symlink('..two', join(site.folder, '..next'));
    await rename(join(site.folder, '..next'), join(site.folder, '..data'));
    await eventually(() => known(second));
    await refusal(reads(first), /not known here/);
  });

  test('admits nobody by a line that cannot be used, and names it without its words', async () => {
    const secret = 'weir_put-here-by-mistake';
    const hash = createHash('sha256').update(secret).digest('hex');
    const path = await site.list(
      'bad',
      `someone push ${secret}`,
      `someone admin ${hash}`,
      `someone push ${hash} more`,
      `bad/name push ${hash}`,
      hash,
      'x',
      pushToken.line,
      // The first of one token counts.
      pushToken.line.replace('ci push', 'again pull'),
    );
    const weir = await site.start({ env: { TOKENS_FILE: path } });
    await writes(site.at(weir.pushAddress, pushToken.headers));
    await refusal(reads(site.at(weir.pushAddress, bearer(secret))), /not known here/);
    for (const line of [1, 2, 3, 4, 5, 6, 8]) {
      await eventually(() => weir.output().includes(`${path}:${line} `));
    }
    assert.ok(!weir.output().includes(`${path}:7 `));
    assert.ok(!weir.output().includes(secret));
  });

  const losses: [what: string, lose: (path: string) => Promise<void>, logged: RegExp][] = [
    ['vanishes', (path) => rm(path), /ENOENT/],
    ['is emptied', (path) => writeFile(path, ''), /there are no access tokens/],
    [
      'becomes a folder',
      async (path) => {
        await rm(path);
        await mkdir(path);
      },
      /it is no file/,
    ],
  ];
  for (const [what, lose, logged] of losses) {
    test(`lets nobody in when it ${what}, until it is back; others are served`, async () => {
      const path = await site.list(`lost ${what}`, pushToken.line);
      const weir = await site.start({ env: { TOKENS_FILE: path } });
      const client = site.at(weir.pushAddress, pushToken.headers);
      await reads(client);
      await lose(path);
      await eventually(async () => !(await known(client)));
      await refusal(reads(client), /not known here/);
      await eventually(() => logged.test(weir.output()));
      await reads(site.at(weir.pullAddress));
      await writes(site.at(weir.pushAddress, certificate));
      await rm(path, { recursive: true, force: true });
      await site.list(`lost ${what}`, pushToken.line);
      await eventually(() => known(client));
    });
  }

  test('need not be there at the start', async () => {
    const weir = await site.start({ env: { TOKENS_FILE: join(site.folder, 'later') } });
    const client = site.at(weir.pushAddress, pushToken.headers);
    await refusal(reads(client), /not known here/);
    await site.list('later', pushToken.line);
    await eventually(() => known(client));
  });
});

test('`weir tokens new` prints a token that nothing keeps, and its line', () => {
  const args = ['tokens', 'new', 'somebody@example.com', '--role', 'push'];
  const { status, stdout } = spawnSync(process.execPath, [command, ...args], { encoding: 'utf8' });
  assert.equal(status, 0);
  const token = /^weir_[\w-]{43}$/m.exec(stdout)?.[0] ?? '';
  const hash = createHash('sha256').update(token).digest('hex');
  assert.ok(stdout.split('\n').includes(`somebody@example.com push ${hash}`), stdout);
  assert.notEqual(token, pushToken.token);
});
