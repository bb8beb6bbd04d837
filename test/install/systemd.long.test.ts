// docs/install.md, "With systemd", and what other pages go on with, as it stands there: by root, on a machine that systemd
// has booted.
import assert from 'node:assert/strict';

import { commandBlocks, installCommands } from '../support/bare-machine.ts';
import { testWith } from '../support/real-parts.ts';
import { bootMachine, whyNoMachine } from '../support/systemd-machine.ts';

testWith(
  'systemd',
  'nginx',
  'bubblewrap',
  'curl',
)(
  'the commands for systemd make a cache that works, survives kills, takes over certificates and stops in order',
  async (t) => {
    const run = await bootMachine(t);
    const succeeds = async (...lines: string[]) => {
      const { code, output } = await run(lines.join('\n'));
      assert.equal(code, 0, output);
      return output;
    };
    await succeeds(installCommands("Weir's folder"), installCommands('With systemd'));
    const first = await succeeds('CERTS=/etc/weir/certs', installCommands('What to do first'));
    assert.match(first, /^Hello from the cache$/m);
    assert.match(first, /Pushing needs a client certificate and none was sent/);

    // The certificates have changed; and nginx may read the cache, so that it sends a large blob by itself.
    const ask =
      'curl --silent --fail --retry 60 --retry-delay 1 --retry-all-errors --cacert $CERTS/server.crt';
    const push = `${ask} --cert $CERTS/alice.crt --key $CERTS/alice.key --upload-file`;
    await succeeds(
      'CERTS=/etc/weir/certs',
      'head -c 3000000 /dev/urandom > /tmp/large',
      'large=/cas/$(sha256sum /tmp/large | cut -d " " -f 1)',
      `${push} /tmp/large https://localhost:11002$large`,
      `for time in 1 2; do ${ask} https://localhost:11001$large | cmp - /tmp/large; done`,
      'for look in $(seq 60); do journalctl -t weir_nginx | grep /weir-volume/ && break || sleep 1; done',
      'journalctl -t weir_nginx | grep --quiet /weir-volume/',
    );

    // What is killed is started again; who may push, and who may not, is as before.
    await succeeds(
      'CERTS=/etc/weir/certs',
      'systemctl kill --signal=KILL weir weir-certs weir-nginx weir-nginx-reload',
      `until systemctl is-active weir weir-certs weir-nginx weir-nginx-reload; do sleep 1; done`,
      `${push} /tmp/hello.txt https://localhost:11002/ac/again`,
      `${ask} https://localhost:11001/ac/again`,
      'systemctl reload weir-nginx',
    );

    await succeeds(installCommands("Weir's commands"));

    // An upload that is under way, or is cut and sent again, comes through an upgrade.
    await succeeds(
      'CERTS=/etc/weir/certs',
      'head -c 4000000 /dev/urandom > /tmp/larger',
      'larger=/cas/$(sha256sum /tmp/larger | cut -d " " -f 1)',
      `${push} /tmp/larger --limit-rate 400k https://localhost:11002$larger & upload=$!`,
      ...commandBlocks('docs/upgrades.md', 'systemd'),
      'wait $upload',
      `${ask} https://localhost:11001$larger | cmp - /tmp/larger`,
    );

    // The directory that a bst-artifact-server has left, with its certificates.
    await succeeds(
      'systemctl stop weir',
      'cp -a /var/lib/weir/cache /srv/artifacts',
      'rm -r /srv/artifacts/weir',
      'chown -R 2000:2000 /srv/artifacts',
      'mkdir /srv/keys',
      'mv /etc/weir/certs/server.* /etc/weir/certs/authorized.crt /srv/keys',
      ...commandBlocks('docs/migrate.md', 'systemd'),
      'CERTS=/srv/keys',
      'large=/cas/$(sha256sum /tmp/large | cut -d " " -f 1)',
      `${ask} https://localhost:11001$large | cmp - /tmp/large`,
      `${push.replaceAll('$CERTS/alice', '/etc/weir/certs/alice')} /tmp/hello.txt https://localhost:11002/ac/there`,
      'ls /srv/artifacts/weir',
    );

    const states = await succeeds(
      'systemctl stop weir-nginx weir weir-certs',
      'systemctl show --property=Id,ActiveState,Result "weir*"',
      'systemctl list-units --failed --no-legend "weir*"',
      'ls /run | grep weir || true',
    );
    assert.doesNotMatch(states, /ActiveState=(?!inactive)|Result=(?!success)|^weir/m, states);
  },
  { skip: whyNoMachine() },
);
