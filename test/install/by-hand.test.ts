// docs/install.md, "By hand", as it stands there: by an ordinary user, on a machine of its own.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { bareMachine, installCommands, loginEnvironment, ordinaryUser } from '../support/bare-machine.ts';
import { runBounded } from '../support/bst-process.ts';
import { temporaryFolder } from '../support/bst-site.ts';
import { testWith } from '../support/real-parts.ts';

const refusal = /Pushing needs a client certificate and none was sent/;

testWith(
  'nginx',
  'bubblewrap',
  'curl',
)(
  'the commands for an installation by hand make a cache that takes a push by certificate only, and gives it to anybody',
  async (t) => {
    const home = await temporaryFolder(t);
    const script = [
      installCommands("Weir's folder"),
      installCommands('By hand'),
      installCommands('What to do first'),
      // nginx sends a large blob by itself; what it may do with the cache shows here.
      'head -c 3000000 /dev/urandom > large',
      'large=/cas/$(sha256sum large | cut -d " " -f 1)',
      'curl --silent --fail --cacert certs/server.crt --cert certs/alice.crt --key certs/alice.key \\',
      '  --retry 60 --retry-delay 1 --retry-all-errors --upload-file large https://localhost:11002$large',
      'for time in 1 2; do curl --silent --fail --cacert certs/server.crt https://localhost:11001$large | cmp - large; done',
      'kill $(jobs -p)',
      'wait',
      'echo all ended',
    ].join('\n');
    const { code, output } = await runBounded(
      'bwrap',
      [...bareMachine, ...ordinaryUser(home), '/bin/bash', '-e', '-c', script],
      { cwd: home, env: loginEnvironment('/srv'), limit: 300_000 },
    );

    const log = (name: string) => readFileSync(join(home, 'weir-site', 'run', name), 'utf8');
    assert.equal(code, 0, output);
    assert.match(output, /^Hello from the cache$/m);
    assert.match(output, refusal);
    assert.match(output, /^all ended$/m);
    assert.match(log('access.log'), /"file":"\/weir-volume\/cas\/objects\//);
    assert.match(log('weir.log'), /"message":"stopped"/);
  },
);
