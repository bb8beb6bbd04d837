// What a user of BuildBox waits for who stores a folder: the real casupload, from its start to its end.
import { deepEqual, equal } from 'node:assert/strict';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describeTree, writeEntries } from '../../test/support/bst-project.ts';
import { casDownload, casUpload } from '../../test/support/buildbox.ts';
import { obtainParts } from '../../test/support/real-parts.ts';
import { once } from '../load/load.ts';
import type { Server } from '../servers/server.ts';
import { manyFiles } from './many-files.ts';
import type { PreparedWork, Work } from './work.ts';

export const casJob: Work = {
  name: 'cas-upload',
  title: 'casupload of 10,000 files, new to the server',
  unit: { name: 'run', perOperation: 1 },
  // Seven tenths of the time.
  goals: { reference: 1.43, fastest: 1 },
  obtain: (say) => obtainParts(['buildbox'], say),
  prepare: prepared,
};

async function prepared(server: Server, folder: string): Promise<PreparedWork> {
  const [original, copy] = [join(folder, 'original'), join(folder, 'copy')];
  let roots = 0;
  let root = '';

  async function renew(): Promise<void> {
    roots += 1;
    await rm(original, { recursive: true, force: true });
    await mkdir(original, { recursive: true });
    await writeEntries(original, manyFiles(`root-${roots}`));
  }

  async function upload(): Promise<void> {
    const outcome = await casUpload(original, server);
    equal(outcome.code, 0, outcome.output);
    root = outcome.root;
  }

  /** Whether what was uploaded last comes back as it was. */
  async function check(): Promise<void> {
    await rm(copy, { recursive: true, force: true });
    const { code, output } = await casDownload(copy, root, server);
    equal(code, 0, output);
    deepEqual(await describeTree(copy), await describeTree(original));
  }

  await renew();
  await upload();
  return { load: once(upload), renew, check };
}
