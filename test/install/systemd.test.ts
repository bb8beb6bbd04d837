// The units of deploy/systemd, by systemd's own tools; systemd.long.test.ts runs them.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';

import { bareMachine, loginEnvironment } from '../support/bare-machine.ts';
import { testWith } from '../support/real-parts.ts';

/** What `systemd-analyze security` may find at most, of 100. */
const threshold = 20;

testWith('systemd', 'bubblewrap')(
  'systemd finds no fault with the units, and no way in that they leave open without need',
  async () => {
    const units = 'deploy/systemd/*.service';
    const check = `cd /opt/weir && systemd-analyze verify --recursive-errors=no ${units} && systemd-analyze security --offline=true`;
    const { status, stdout, stderr } = spawnSync(
      'bwrap',
      [
        ...bareMachine,
        '--ro-bind',
        '/etc',
        '/etc',
        '/bin/sh',
        '-c',
        `${check} --threshold=${threshold} ${units}`,
      ],
      { encoding: 'utf8', env: loginEnvironment('/') },
    );
    assert.deepEqual([status, stderr], [0, ''], stdout);
    assert.equal(stdout.match(/Overall exposure level/g)?.length, 4, stdout);
  },
);
