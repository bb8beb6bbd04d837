// What a process loads is what a start takes, and most of what it has in memory at rest.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { childrenOf } from '../support/process-figures.ts';
import { startWeir } from '../support/weir.ts';

const project = join(import.meta.dirname, '..', '..');

/** Notes each module in a file of the process that loads it. */
const noting = `
import { appendFileSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { join } from 'node:path';
const file = join(import.meta.dirname, String(process.pid));
registerHooks({
  load(url, context, next) {
    appendFileSync(file, url + '\\n');
    return next(url, context);
  },
});
`;

for (const workers of [1, 2])
  test(`a server of ${workers === 1 ? 'one process' : 'several'} loads no other command, no client of gRPC and nothing of what is off`, async (t) => {
    const { pid, loaded } = await startNoting(t, { WORKERS: String(workers), OPS_LISTEN: 'none' });
    const unwanted =
      /node_modules\/(?:@grpc|nice-grpc|nice-grpc-server-\w+|google-protobuf|@peculiar|reflect-metadata)\/|dist\/(?:copying|fetch|inventory\/volume)|dist\/cli\/(?:cp|certs|purge)\.js|dist\/http\/(?:ops-server|cache-listener)/;
    for (const each of [pid, ...childrenOf(pid)])
      assert.deepEqual(
        (await loaded(each)).filter((url) => unwanted.test(url)),
        [],
      );
  });

test('a worker that has nothing to say loads nothing to say it with, and what answers calls is for workers', async (t) => {
  const { pid, loaded } = await startNoting(t, { WORKERS: '2' });
  for (const worker of childrenOf(pid))
    assert.deepEqual(
      (await loaded(worker)).filter((url) => /node_modules\/winston\//.test(url)),
      [],
    );
  assert.deepEqual(
    (await loaded(pid)).filter((url) => /dist\/(?:rpc|http2)\//.test(url)),
    [],
  );
});

test('a worker that nobody has asked has no memory for what it might remember', async (t) => {
  const weir = await startWeir({ tcp: true, env: { WORKERS: '2', OPS_LISTEN: 'none' } });
  t.after(() => weir.stop());
  for (const worker of childrenOf(weir.pid)) {
    const status = await readFile(`/proc/${worker}/status`, 'utf8');
    const ownKib = Number(/^RssAnon:\s+(\d+)/m.exec(status)?.[1]);
    // Some 27 MiB; the table of leases alone would be 17 more.
    assert.ok(ownKib > 0 && ownKib < 36 * 1024, `${ownKib} KiB`);
  }
});

test('a volume that cannot be had ends a server of several with one line, by the first process', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'weir-test-'));
  t.after(() => rm(folder, { recursive: true }));
  await writeFile(join(folder, 'file'), '');
  const { status, stderr } = spawnSync(process.execPath, [join(project, 'bin', 'weir'), 'serve'], {
    encoding: 'utf8',
    env: {
      PATH: process.env['PATH'],
      VOLUME: join(folder, 'file', 'volume'),
      PULL_LISTEN: '127.0.0.1:0',
      OPS_LISTEN: 'none',
      WORKERS: '2',
      LOG_FORMAT: 'json',
    },
  });
  const lines = stderr.trimEnd().split('\n');
  assert.equal(status, 1, stderr);
  assert.equal(lines.length, 1, stderr);
  assert.match(lines[0] ?? '', /making .*file\/volume/);
});

async function startNoting(t: TestContext, env: Record<string, string>) {
  const folder = await mkdtemp(join(tmpdir(), 'weir-test-'));
  const hooks = join(folder, 'noting.mjs');
  await writeFile(hooks, noting);
  const weir = await startWeir({ tcp: true, env: { ...env, NODE_OPTIONS: `--import ${hooks}` } });
  t.after(async () => {
    await weir.stop();
    await rm(folder, { recursive: true });
  });
  return {
    pid: weir.pid,
    loaded: async (pid: number) => {
      assert.ok((await readdir(folder)).includes(String(pid)));
      return (await readFile(join(folder, String(pid)), 'utf8')).split('\n');
    },
  };
}
