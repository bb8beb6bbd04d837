// The three containers as the manifest has them: their users, groups, mounts and settings, on one machine. The images'
// parts are this machine's nginx and this checkout.
import assert from 'node:assert/strict';
import { randomBytes, createHash, randomInt } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { nginxConfiguration } from '../../src/cli/nginx-configuration.ts';
import { newClient, newServerPair } from '../support/certificates.ts';
import type { TestPair } from '../support/certificates.ts';
import { eventually } from '../support/eventually.ts';
import { ask } from '../support/http-cache.ts';
import { containerOf, environmentOf } from '../support/kubernetes-objects.ts';
import { rendered } from '../support/kustomize.ts';
import { nginxImageVariables } from '../support/nginx-image.ts';
import { pod } from '../support/pod.ts';
import { testWith } from '../support/real-parts.ts';

const skip = process.getuid?.() === 0 ? false : 'needs root, to run containers as their users';
/** So large that nginx sends it by itself. */
const large = 5 * 1024 * 1024;

testWith('kubernetes-tools', 'bubblewrap', 'nginx')(
  'the containers of the pod work together: a listed client pushes, and nginx sends what it reads from the volume',
  async (t) => {
    const objects = rendered('base');
    const folder = mkdtempSync(join(tmpdir(), 'weir-pod-files-'));
    t.after(() => rmSync(folder, { recursive: true }));
    await newServerPair(folder);
    const [alice, bob] = [await newClient(folder, 'alice'), await newClient(folder, 'bob')];
    const running = pod(t, objects);
    const list = (...pairs: TestPair[]) => {
      const authorized = join(folder, 'authorized.crt');
      writeFileSync(authorized, pairs.map(({ certificatePem }) => certificatePem).join(''));
      const pair = { 'server.crt': join(folder, 'server.crt'), 'server.key': join(folder, 'server.key') };
      running.project('certificates', { ...pair, 'authorized.crt': authorized });
    };

    list(alice);
    running.start('certs');
    const started = containerOf(objects, 'certs').startupProbe?.exec?.command ?? [];
    await eventually(() => running.exec('certs', started).status === 0);

    // An address of its own, so that the ports can be those of the manifest.
    const address = `127.${randomInt(2, 254)}.${randomInt(2, 254)}.${randomInt(2, 254)}`;
    const weir = running.start('weir', {
      command: ['node', 'dist/cli/weir.js', 'serve'],
      environment: { OPS_LISTEN: `${address}:11080`, HEAD_ROOM_MIN: '1e6', BALLAST_BYTES: '0' },
    });
    const ready = async () => (await ask('GET', `http://${address}:11080/readyz`)).status === 200;
    await eventually(async () => await ready().catch(() => false)).catch((error: unknown) => {
      throw new Error(weir.output(), { cause: error });
    });

    const environment = {
      ...nginxImageVariables(),
      ...environmentOf(objects, containerOf(objects, 'nginx')),
      NGINX_PULL_LISTEN: `${address}:11001`,
      NGINX_PUSH_LISTEN: `${address}:11002`,
      NGINX_ACCESS_LOG: '/run/nginx/access.log weir_json',
      NGINX_ERROR_LOG: '/run/nginx/error.log notice',
    };
    const configuration = await nginxConfiguration(environment);
    writeFileSync(join(running.pathOf('nginx-run'), 'nginx.conf'), configuration);
    const become = `sh nginx/reload-on-change.sh & exec nginx -c /run/nginx/nginx.conf -g 'daemon off;'`;
    const nginx = running.start('nginx', { command: ['sh', '-c', become], environment });

    const data = randomBytes(large);
    const path = `/cas/${createHash('sha256').update(data).digest('hex')}`;
    const ca = readFileSync(join(folder, 'server.crt'));
    const at = async (port: number, method: string, query = '', pair?: TestPair) =>
      await ask(method, `https://${address}:${port}${path}${query}`, {
        ca,
        servername: 'localhost',
        ...(method === 'PUT' && { body: data }),
        ...(pair && { cert: pair.certificatePem, key: pair.keyPem }),
      });
    await eventually(async () => (await at(11001, 'GET').catch(() => undefined))?.status === 404).catch(
      (error: unknown) => {
        throw new Error(nginx.output(), { cause: error });
      },
    );

    assert.equal((await at(11002, 'PUT', '', bob)).status, 403);
    const pushed = await at(11002, 'PUT', '', alice);
    assert.ok(pushed.status === 200 || pushed.status === 201, `${pushed.status} ${pushed.body.toString()}`);
    for (const query of ['', '?again']) {
      const { status, body } = await at(11001, 'GET', query);
      assert.deepEqual([status, body.equals(data)], [200, true]);
    }
    const log = () => readFileSync(join(running.pathOf('nginx-run'), 'access.log'), 'utf8');
    await eventually(() => log().includes(`${path}?again`));
    const line = log()
      .split('\n')
      .find((entry) => entry.includes(`${path}?again`));
    assert.match(line ?? '', /"file":"\/weir-volume\/cas\/objects\//);

    list(alice, bob);
    await eventually(async () => (await at(11002, 'GET', '', bob)).status === 200);
    list(bob);
    await eventually(async () => (await at(11002, 'GET', '', alice)).status === 403);
  },
  { skip },
);
