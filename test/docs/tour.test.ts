// The README's tour, done as it stands there: its commands by a shell, against nginx and a server.
import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';

import { runBounded } from '../support/bst-process.ts';
import { temporaryFolder } from '../support/bst-site.ts';
import { startNginx } from '../support/nginx.ts';
import { testWith } from '../support/real-parts.ts';
import { startWeir } from '../support/weir.ts';
import { fencedBlocks, page, section } from './documents.ts';

testWith('buildstream', 'nginx')('the five-minute tour does what the README says', async (t) => {
  const folder = await temporaryFolder(t);
  const socketsDir = join(folder, 'sockets');
  await mkdir(socketsDir);
  const weir = await startWeir({ socketsDir });
  t.after(() => weir.stop());
  // As after the first `docker compose up`: the certificates are those that it makes.
  const nginx = await startNginx({
    socketsDir,
    certsDir: join(folder, 'certs'),
    workDir: join(folder, 'nginx'),
  });
  t.after(() => nginx.stop());
  const atThesePorts = (text: string) =>
    text.replaceAll('11001', `${nginx.pullPort}`).replaceAll('11002', `${nginx.pushPort}`);

  const tour = section(page('README.md'), 'Five minutes with BuildStream');
  const script = fencedBlocks(tour, 'sh').map(atThesePorts).join('\n');
  const env = { HOME: join(folder, 'home'), LANG: 'C.UTF-8', PATH: '/usr/bin:/bin:/usr/sbin:/sbin' };
  await mkdir(env.HOME);
  const { code, output } = await runBounded('/bin/sh', ['-e', '-c', script], {
    cwd: folder,
    env,
    limit: 120_000,
  });

  assert.equal(code, 0, output);
  const shown = fencedBlocks(tour, '').flatMap((block) => atThesePorts(block).trim().split('\n'));
  assert.ok(shown.length > 2);
  for (const line of [...shown, 'already has … cached', 'SKIPPED Push']) {
    assert.match(output, new RegExp(line.split('…').map(escaped).join('\\S*')), line);
  }
});

function escaped(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);
}
