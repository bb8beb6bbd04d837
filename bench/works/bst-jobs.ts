// What a user of BuildStream 1 waits for: the real `bst`, from its start to its end.
import { deepEqual } from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type BstClient, bstClient } from '../../test/support/bst.ts';
import { assertOutcome, says } from '../../test/support/bst-outcome.ts';
import { bstProject, describeTree } from '../../test/support/bst-project.ts';
import { obtainParts } from '../../test/support/real-parts.ts';
import { once } from '../load/load.ts';
import type { Server } from '../servers/server.ts';
import { manyFiles } from './many-files.ts';
import type { Say, Work } from './work.ts';

const patienceMs = 600_000;

const common = {
  unit: { name: 'run', perOperation: 1 },
  // Seven tenths of the time.
  goals: { reference: 1.43 },
  notBy: ['buildbox-casd', 'bazel-remote', 'bb-storage'],
  obtain: (say: Say) => obtainParts(['buildstream'], say),
} as const;

export const bstJobs: readonly Work[] = [
  {
    ...common,
    name: 'bst-push',
    title: 'bst push of 10,000 files, new to the server',
    async prepare(server, folder, say) {
      const user = await userWhoHasPushed(server, folder, say);
      return { load: once(() => user.push()), renew: () => user.build(), check: () => user.check() };
    },
  },
  {
    ...common,
    name: 'bst-pull',
    title: 'bst pull of 10,000 files, by who has none',
    async prepare(server, folder, say) {
      const user = await userWhoHasPushed(server, folder, say);
      return { load: once(() => user.pull()), renew: () => user.forget(), check: () => user.check() };
    },
  },
];

async function userWhoHasPushed(server: Server, folder: string, say: Say): Promise<User> {
  const project = join(folder, 'project');
  await bstProject(project, {});
  const user = new User(server.url, project, await bstClient(join(folder, 'home'), project, [], patienceMs));
  say('bst build');
  await user.build();
  say('bst push');
  await user.push();
  return user;
}

/** Somebody with a project, who works with its latest element. */
class User {
  readonly #url: string;
  readonly #project: string;
  readonly #client: BstClient;
  #elements = 0;

  constructor(url: string, project: string, client: BstClient) {
    this.#url = url;
    this.#project = project;
    this.#client = client;
  }

  /** Adds an element like no other, and builds it. */
  async build(): Promise<void> {
    this.#elements += 1;
    await bstProject(this.#project, { [this.#name]: { files: manyFiles(this.#name) } });
    // What is built is pushed at once where there is a server.
    await this.#client.useRemotes([]);
    assertOutcome(await this.#client.run('build', `${this.#name}.bst`), 0, says.built);
    await this.#client.useRemotes([{ url: this.#url, push: true }]);
  }

  async push(): Promise<void> {
    assertOutcome(await this.#client.run('push', `${this.#name}.bst`), 0, says.pushed);
  }

  async pull(): Promise<void> {
    assertOutcome(await this.#client.run('pull', `${this.#name}.bst`), 0, says.pulled);
  }

  /** Loses everything that was built. */
  async forget(): Promise<void> {
    await this.#client.forgetArtifacts();
  }

  /** Whether what was pushed last comes back as it was. */
  async check(): Promise<void> {
    await this.forget();
    await this.pull();
    const checkout = await this.#client.checkout(`${this.#name}.bst`);
    const sources = join(this.#project, 'files', this.#name);
    deepEqual(await describeTree(checkout), await describeTree(sources));
    await rm(checkout, { recursive: true });
  }

  get #name(): string {
    return `element-${this.#elements}`;
  }
}
