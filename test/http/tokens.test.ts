import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { ask } from '../support/http-cache.ts';
import { bearer, newToken } from '../support/tokens.ts';
import { startWeir, type Weir } from '../support/weir.ts';
import { randomBlob } from '../support/wire.ts';

const pushToken = newToken('ci', 'push');
const pullToken = newToken('laptops', 'pull');

void describe('access tokens over HTTP', () => {
  let folder = '';
  let weir: Weir;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'weir-tokens-'));
    const list = join(folder, 'tokens');
    await writeFile(list, `${pushToken.line}\n${pullToken.line}\n`);
    weir = await startWeir({ tcp: true, http: true, env: { TOKENS_FILE: list, PULL_ACCESS: 'token' } });
  });
  after(async () => {
    await weir.stop();
    await rm(folder, { recursive: true, force: true });
  });

  async function put(url: string, headers: Record<string, string>) {
    const blob = randomBlob(10);
    const answer = await ask('PUT', `${url}/cas/${blob.digest.hash}`, { body: blob.data, headers });
    return [answer.status, answer.headers['www-authenticate'], answer.body.toString()] as const;
  }

  test('a token to push pushes, and one to pull is 403 with its name', async () => {
    assert.equal((await put(weir.pushUrl, bearer(pushToken.token)))[0], 200);
    const [status, , sentence] = await put(weir.pushUrl, bearer(pullToken.token));
    assert.equal(status, 403);
    assert.match(sentence, /"laptops" has the role pull; to push/);
  });

  test('no token, and one that is not known, are 401, which says what would be taken', async () => {
    for (const url of [weir.pushUrl, weir.pullUrl]) {
      for (const headers of [{}, bearer('unknown'), { authorization: 'Basic eDp5' }]) {
        const [status, challenge] = await put(url, headers);
        assert.deepEqual([status, challenge], [401, 'Bearer']);
        const got = await ask('GET', `${url}/ac/x`, { headers });
        assert.deepEqual([got.status, got.headers['www-authenticate']], [401, 'Bearer']);
      }
    }
  });

  test('either token reads on both listeners, and pushes nothing where reading is all there is', async () => {
    for (const { token } of [pushToken, pullToken]) {
      for (const url of [weir.pushUrl, weir.pullUrl])
        assert.equal((await ask('GET', `${url}/ac/none`, { headers: bearer(token) })).status, 404);
      assert.equal((await put(weir.pullUrl, bearer(token)))[0], 403);
    }
  });
});
