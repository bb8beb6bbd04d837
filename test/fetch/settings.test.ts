import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { startWeir } from '../support/weir.ts';

const weir = join(import.meta.dirname, '..', '..', 'bin', 'weir');

test('a server starts with hosts and networks in every form', async () => {
  const server = await startWeir({
    env: {
      FETCH_HOSTS: 'files.example.com, *.cdn.example.com:8443 10.0.0.1,[fd00::1]:443',
      FETCH_PRIVATE_NETWORKS: '10.0.0.0/8, fd00::/8 127.0.0.1',
      FETCH_MAX_BYTES: '1e6',
      FETCH_TIMEOUT_SECONDS: '10',
    },
  });
  assert.equal(await server.stop(), 0);
});

test('what is no host or network ends the start with a sentence', () => {
  const wrong = [
    ['FETCH_HOSTS', '*'],
    ['FETCH_HOSTS', 'https://files.example.com'],
    ['FETCH_HOSTS', 'files.example.com/path'],
    ['FETCH_HOSTS', 'me@files.example.com'],
    ['FETCH_HOSTS', 'files.example.com:99999'],
    ['FETCH_HOSTS', 'a.example.com *b.example.com'],
    ['FETCH_PRIVATE_NETWORKS', '10.0.0.0/33'],
    ['FETCH_PRIVATE_NETWORKS', '10.0.0.0/'],
    ['FETCH_PRIVATE_NETWORKS', 'files.example.com'],
  ] as const;
  for (const [name, value] of wrong) {
    const { status, stderr } = spawnSync(process.execPath, [weir, 'serve'], {
      encoding: 'utf8',
      env: { PATH: process.env['PATH'], [name]: value },
    });
    assert.equal(status, 2, `${name}=${value}`);
    assert.match(stderr, new RegExp(`${name}: .*is not a (host|network): write`));
  }
});
