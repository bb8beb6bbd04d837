// What a user of Bazel waits for: the real one, from its start to its end.
import { deepEqual } from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type BazelClient, type Build, bazelClient } from '../../test/support/bazel.ts';
import { assertBuilt } from '../../test/support/bazel-outcome.ts';
import { obtainParts } from '../../test/support/real-parts.ts';
import { once } from '../load/load.ts';
import type { Server } from '../servers/server.ts';
import type { PreparedWork, Say, Work } from './work.ts';

const actions = 2000;
const patienceMs = 1_200_000;

/** Each makes a file of a few hundred bytes, and needs a shell only. */
const targets = `
[genrule(
    name = "file-%d" % number,
    outs = ["file-%d.txt" % number],
    cmd = "for line in 1 2 3 4 5 6 7 8; do echo line $$line of what action %d has made; done > $@" % number,
) for number in range(${actions})]
`;

export const bazelJob: Work = {
  name: 'bazel-build',
  title: 'bazel build of 2,000 actions, all cached',
  unit: { name: 'run', perOperation: 1 },
  goals: { fastest: 1 },
  notBy: ['bst-artifact-server'],
  obtain: (say) => obtainParts(['bazel'], say),
  prepare: prepared,
};

async function prepared(server: Server, folder: string, say: Say): Promise<PreparedWork> {
  const ends: (() => Promise<void>)[] = [];
  const end = async () => {
    for (const action of ends.splice(0)) await action();
  };
  const lifetime = { after: (action: () => Promise<void>) => void ends.push(action) };
  try {
    const options = { home: join(folder, 'home'), workspace: writeTargets, limit: patienceMs };
    const client = await bazelClient(lifetime, options);
    const build = () => client.build(`--remote_cache=grpc://${server.address}`);
    say('bazel build, nothing cached');
    assertWhole(await build(), { local: actions });
    const made = await client.outputs();
    return {
      load: once(async () => assertWhole(await build(), { 'remote cache hit': actions })),
      renew: () => client.clean(),
      check: () => checkBuild(client, build, made),
      end,
    };
  } catch (error) {
    await end();
    throw error;
  }
}

async function checkBuild(
  client: BazelClient,
  build: () => Promise<Build>,
  made: Record<string, string>,
): Promise<void> {
  await client.clean();
  assertWhole(await build(), { 'remote cache hit': actions });
  deepEqual(await client.outputs(), made);
}

/** Says in one line what a build failed with. */
function assertWhole(build: Build, ways: Record<string, number>): void {
  const fault = /^ERROR: .*/m.exec(build.output)?.[0];
  if (fault !== undefined) throw new Error(`bazel: ${fault}`);
  assertBuilt(build, ways);
}

async function writeTargets(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'WORKSPACE'), '');
  await writeFile(join(folder, 'BUILD'), targets);
}
