import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';

import { initCertificates } from '../../src/certs/init-certificates.ts';
import { syncCertificates } from '../../src/certs/sync-certificates.ts';
import { nginxConfigCommand } from '../../src/cli/nginx-config.ts';
import { temporaryFolder } from '../support/bst-site.ts';
import { startCommand, weirCommand } from '../support/command.ts';
import { nginxImageVariables } from '../support/nginx-image.ts';
import { findCommand, testWith } from '../support/real-parts.ts';

/** Of the image's, those that its templates do not have. */
const ofTheImageOnly = new Set([
  'NGINX_CONFIG',
  'NGINX_ENVSUBST_FILTER',
  'NGINX_ENVSUBST_OUTPUT_DIR',
  'NGINX_IMAGE',
  'NGINX_RELOAD_SECONDS',
]);

test('nginx-config takes what the image of nginx takes, with the same defaults', () => {
  const image = Object.entries(nginxImageVariables()).filter(([name]) => !ofTheImageOnly.has(name));
  const options = nginxConfigCommand().options.filter(({ envVar }) => envVar !== undefined);
  assert.deepEqual(
    Object.fromEntries(options.map(({ envVar, defaultValue }) => [envVar, defaultValue as unknown])),
    Object.fromEntries(image),
  );
});

testWith('nginx')('nginx takes the file that nginx-config writes, with and without tokens', async (t) => {
  const folder = await temporaryFolder(t);
  const [certs, tls, run] = [join(folder, 'certs'), join(folder, 'tls'), join(folder, 'run')];
  const output = join(folder, 'nginx.conf');
  await mkdir(run);
  await initCertificates({ folder: certs, names: ['localhost'] });
  await syncCertificates({ folder: certs, out: tls });
  for (const tokens of ['off', 'on']) {
    const env = { NGINX_PUSH_TOKENS: tokens, NGINX_PULL_LISTEN: '[::1]:11001 ipv6only=off' };
    const flags = [
      '--tls',
      tls,
      '--run',
      run,
      '--output',
      output,
      '--error-log',
      'stderr notice',
      '--access-log',
      'off',
    ];
    const { code, out, err } = await startCommand(['nginx-config', ...flags], env).ended;
    assert.deepEqual([code, out, err], [0, '', '']);
    const text = await readFile(output, 'utf8');
    assert.doesNotMatch(text, /\$\{|include [a-z]/);
    const tried = spawnSync(findCommand('nginx') ?? '', ['-t', '-q', '-c', output], { encoding: 'utf8' });
    assert.deepEqual([tried.status, text.includes(`"${tokens}:$ssl_client_verify`)], [0, true], tried.stderr);
  }
});

test('nginx-config refuses what would break the configuration, and says what it needs', () => {
  for (const [flag, value, sentence] of [
    ['--pull-listen', 'here', 'a port, or address:port, is needed'],
    ['--push-tokens', 'maybe', 'on or off is needed'],
    ['--volume', '/srv/my cache', 'a folder is needed, without spaces'],
    ['--workers', '0', 'a number above 0, or auto, is needed'],
    ['--stream-timeout', 'an hour', 'a time as nginx writes it is needed'],
    ['--access-log', 'off; daemon on', 'what follows the name of nginx’s directive is needed'],
  ] as const) {
    const command = nginxConfigCommand()
      .exitOverride()
      .configureOutput({ writeErr: () => undefined });
    assert.throws(() => command.parse([flag, value], { from: 'user' }), new RegExp(sentence), flag);
  }
});

test('nginx-config says which variable is wrong, and where it cannot write', async (t) => {
  const wrong = await startCommand(['nginx-config'], { NGINX_PUSH_LISTEN: 'push' }).ended;
  assert.deepEqual(
    [wrong.code, wrong.out, wrong.err.includes('NGINX_PUSH_LISTEN')],
    [2, '', true],
    wrong.err,
  );
  const nowhere = join(await temporaryFolder(t), 'none', 'nginx.conf');
  const { code, err } = await weirCommand('nginx-config', '--output', nowhere);
  assert.deepEqual([code, err.includes(nowhere)], [1, true], err);
});
