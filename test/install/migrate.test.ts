// docs/migrate.md as it stands there: a directory goes from BuildStream's own server to Weir and back, under a real client.
import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import {
  bareMachine,
  commandBlocks,
  installCommands,
  loginEnvironment,
  ordinaryUser,
} from '../support/bare-machine.ts';
import { artifactServerCommand } from '../support/bst-artifact-server.ts';
import { runBounded } from '../support/bst-process.ts';
import { bstProject } from '../support/bst-project.ts';
import { temporaryFolder } from '../support/bst-site.ts';
import { authorize, newClient, newServerPair } from '../support/certificates.ts';
import { testWith } from '../support/real-parts.ts';

const migrate = (heading: string) => commandBlocks('docs/migrate.md', heading);
const [startDaemons, leadToWeir = ''] = migrate('The same command line');
const [leadBack, removeRest = ''] = migrate('Back');

/** `artifacts CONFIG COMMAND SAYS NAME…` has to say that of each name, to somebody who has built and pulled nothing yet. */
const client = `
artifacts() { (
  cd /srv/project
  export XDG_CACHE_HOME=$(mktemp -d)
  said=$(bst --no-colors --no-interactive --config /srv/$1.conf $2 "\${@:4}" 2>&1) || true
  echo "$said" >&2
  test $(grep --count "INFO *$3 artifact" <<< "$said") = $(($# - 3))
) }
pushes() { artifacts push build Pushed $*; }
pulls() { artifacts pull pull Pulled $*; }
listens() { timeout 120 bash -c 'until (: < /dev/tcp/localhost/11001 && : < /dev/tcp/localhost/11002) 2> /dev/null; do sleep 0.2; done'; }
# The proxy listens before Weir does; Weir's operations port is the last to open.
serves() { listens; timeout 120 bash -c 'until (: < /dev/tcp/localhost/11080) 2> /dev/null; do sleep 0.2; done'; }
stop() { kill $(jobs -p); wait; }
`;

testWith(
  'buildstream',
  'nginx',
  'bubblewrap',
)(
  'a directory goes from bst-artifact-server to Weir and back by the commands of the page, and all artifacts with it',
  async (t) => {
    const folder = await temporaryFolder(t);
    await oldInstallation(folder);
    const script = [
      client,
      startDaemons,
      'listens; pushes one.bst',
      'test ! -e /srv/artifacts/weir',
      'stop',
      installCommands("Weir's folder"),
      leadToWeir,
      startDaemons,
      'listens; pulls one.bst; pushes two.bst',
      'test -e /srv/artifacts/weir',
      'stop',
      migrate('By hand').join('\n'),
      installCommands('By hand'),
      'serves; pulls one.bst two.bst; pushes three.bst',
      'stop',
      leadBack,
      startDaemons,
      removeRest,
      'listens; pulls one.bst two.bst three.bst',
      'test ! -e /srv/artifacts/weir',
      'stop',
      'echo all is there',
    ].join('\n');
    const { PATH, ...environment } = loginEnvironment('/srv');
    const { code, output } = await runBounded(
      'bwrap',
      [
        ...bareMachine,
        ...ordinaryUser(folder),
        '--ro-bind',
        join(folder, 'bin'),
        '/opt/buildstream/bin',
        '/bin/bash',
        '-e',
        '-c',
        script,
      ],
      { cwd: folder, env: { ...environment, PATH: `${PATH}:/opt/buildstream/bin` }, limit: 300_000 },
    );
    assert.equal(code, 0, output);
    assert.match(output, /^all is there$/m);
  },
);

/** The command, certificates and clients of somebody who has never heard of Weir. */
async function oldInstallation(folder: string): Promise<void> {
  const [python, , launcher] = artifactServerCommand('reference');
  await mkdir(join(folder, 'bin'));
  const command = `#!/bin/sh\nexec ${python} -c '${launcher}' "$@"\n`;
  await writeFile(join(folder, 'bin', 'bst-artifact-server'), command, { mode: 0o755 });
  await newServerPair(join(folder, 'keys'));
  await authorize(join(folder, 'keys'), await newClient(folder, 'client'));
  const remote = (port: number) =>
    `artifacts:\n  url: https://localhost:${port}\n  server-cert: /srv/keys/server.crt\n`;
  const pair = '  client-key: /srv/client.key\n  client-cert: /srv/client.crt\n  push: true\n';
  await writeFile(join(folder, 'pull.conf'), remote(11001));
  await writeFile(join(folder, 'push.conf'), `${remote(11002)}${pair}`);
  const names = ['one', 'two', 'three'];
  const elements = names.map((name) => [name, { files: { name, large: name.repeat(500_000) } }]);
  await bstProject(join(folder, 'project'), Object.fromEntries(elements));
}
