import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';

const project = join(import.meta.dirname, '..', '..');
const patienceMs = 120_000;

interface Outcome {
  readonly code: number | null;
  readonly output: string;
  readonly errors: string;
}

type Row = readonly [args: readonly string[], code: number, errors: RegExp];

describe('A command line', () => {
  let folder: string;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'weir-fuzz-'));
    await writeFile(join(folder, 'file'), 'something of somebody');
    await mkdir(join(folder, 'folder'));
  });

  after(async () => await rm(folder, { recursive: true, force: true }));

  async function run(
    command: string,
    args: readonly string[],
    settings: Record<string, string> = {},
  ): Promise<Outcome> {
    const child = spawn(process.execPath, [join(project, 'bin', command), ...args], {
      cwd: folder,
      env: { PATH: process.env['PATH'], ...settings },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let [output, errors] = ['', ''];
    child.stdout.on('data', (chunk) => (output += String(chunk)));
    child.stderr.on('data', (chunk) => (errors += String(chunk)));
    const timer = setTimeout(() => child.kill('SIGKILL'), patienceMs);
    const code = await new Promise<number | null>((resolve) => child.on('close', resolve));
    clearTimeout(timer);
    return { code, output, errors };
  }

  function assertOutcome(outcome: Outcome, code: number, errors: RegExp): void {
    assert.match(outcome.errors, errors);
    assert.equal(outcome.code, code, outcome.errors);
    assert.doesNotMatch(outcome.output + outcome.errors, /^\s+at |\bnode:internal|Warning:|\.js:\d+/m);
  }

  const usage = /^Usage: bst-artifact-server .*\n.*\n\nError: /;
  const artifactServer: Row[] = [
    [[], 2, /Missing argument 'REPO'/],
    [['--help'], 0, /^$/],
    [['--port'], 2, /requires an argument/],
    [['--port', '1'], 2, usage],
    [['--port', 'x', 'repo'], 2, /'x' is not a valid integer/],
    [['--port', '', 'repo'], 2, usage],
    [['--port', '-1', 'repo'], 2, /not in the range/],
    [['--port', '65536', 'repo'], 2, /not in the range/],
    [['--port', '9'.repeat(400), 'repo'], 2, usage],
    [['--port', '0x10', 'repo'], 2, usage],
    [['--port', '\u0661', 'repo'], 2, usage],
    [['--port', '1', 'repo', 'extra'], 2, /unexpected extra argument \(extra\)/],
    [['--port', '1', '--head-room-min', '2e9', 'repo'], 2, /--head-room-min/],
    [['--port', '1', '--head-room-max', '', 'repo'], 2, /--head-room-max/],
    [['--nonsense'], 2, /No such option: --nonsense/],
    [['--__proto__', '--constructor', 'repo'], 2, usage],
    [['--enable-push=no', '--port', '1', 'repo'], 2, usage],
    [['--', '--port', '1', 'repo'], 2, usage],
    [
      ['--port', '1', '--server-key', 'file', 'repo'],
      255,
      /^ERROR: --server-key and --server-cert are both required/,
    ],
    [
      ['--port', '1', '--server-cert', 'file', 'repo'],
      255,
      /^ERROR: --server-key and --server-cert are both/,
    ],
    [['--port', '1', '--client-certs', 'file', 'repo'], 255, /^ERROR: --client-certs can only be used/],
    [['--port', '0', 'file'], 1, /^ERROR: .*file/],
    [['--port', '0', '--server-key', 'none', '--server-cert', 'none', 'repo'], 1, /^ERROR: /],
    [['--port', '0', '--server-key', 'file', '--server-cert', 'file', 'repo'], 1, /^ERROR: /],
    [['--port', '0', '--server-key', 'folder', '--server-cert', 'folder', 'repo'], 1, /^ERROR: /],
  ];
  for (const [args, code, errors] of artifactServer) {
    test(`bst-artifact-server ${short(args)} ends with ${code}`, async () => {
      assertOutcome(await run('bst-artifact-server', args), code, errors);
    });
  }

  const weir: Row[] = [
    [[], 2, /^Usage: weir /],
    [['--help'], 0, /^$/],
    [['--version'], 0, /^$/],
    [['nonsense'], 2, /unknown command 'nonsense'/],
    [['__proto__'], 2, /unknown command/],
    [[''], 2, /unknown command/],
    [['serve', 'extra'], 2, /too many arguments/],
    [['serve', '--port', '1'], 2, /unknown option/],
    [['healthcheck', 'extra'], 2, /too many arguments/],
    [['certs'], 2, /^Usage: weir certs /],
    [['certs', 'nonsense'], 2, /unknown command/],
    [['certs', 'sync'], 2, /--out/],
    [['certs', 'sync', '--out', 'out', '--owner', 'x'], 2, /two numbers are needed/],
    [['certs', 'sync', '--out', 'out', '--interval', '0'], 2, /number of seconds/],
    [['certs', 'sync', '--out', 'out', '--dir', 'none'], 1, /is missing/],
    [['certs', 'init', '--dir', 'file'], 1, /^error: /],
    [['certs', 'init', '--dir', ''], 1, /^error: /],
    [['tokens'], 2, /^Usage: weir tokens /],
    [['tokens', 'new'], 2, /missing required argument 'name'/],
    [['tokens', 'new', '--help'], 0, /^$/],
    [['tokens', 'new', 'ci'], 0, /^$/],
    [['tokens', 'new', ''], 2, /1 to 64 of letters/],
    [['tokens', 'new', 'two words'], 2, /1 to 64 of letters/],
    [['tokens', 'new', 'x'.repeat(65)], 2, /1 to 64 of letters/],
    [['tokens', 'new', 'a\nb push'], 2, /1 to 64 of letters/],
    [['tokens', 'new', 'ci', 'extra'], 2, /too many arguments/],
    [['tokens', 'new', 'ci', '--role', 'admin'], 2, /pull, push/],
  ];
  for (const [args, code, errors] of weir) {
    test(`weir ${short(args)} ends with ${code}`, async () => {
      assertOutcome(await run('weir', args), code, errors);
    });
  }

  const settings: [command: string, setting: string, value: string, code: number, errors: RegExp][] = [
    ['serve', 'PULL_LISTEN', 'x', 2, /PULL_LISTEN/],
    ['serve', 'PULL_LISTEN', '127.0.0.1:99999', 2, /PULL_LISTEN/],
    ['serve', 'PUSH_LISTEN', 'unix:relative', 2, /PUSH_LISTEN/],
    ['serve', 'OPS_LISTEN', 'unix:/x', 2, /OPS_LISTEN/],
    ['serve', 'LEASE_SECONDS', '-1', 2, /LEASE_SECONDS/],
    ['serve', 'DRAIN_SECONDS', 'NaN', 2, /DRAIN_SECONDS/],
    ['serve', 'HEAD_ROOM_MIN', '2 GB', 2, /HEAD_ROOM_MIN/],
    ['serve', 'LOG_LEVEL', 'loud', 2, /LOG_LEVEL/],
    ['serve', 'PULL_ACCESS', 'everyone', 2, /PULL_ACCESS/],
    ['serve', 'PULL_ACCESS', 'token', 2, /needs TOKENS_FILE/],
    ['serve', 'REFLECTION', 'perhaps', 2, /REFLECTION/],
    ['serve', 'VOLUME', 'file', 1, /file/],
    ['healthcheck', 'PULL_LISTEN', 'x', 2, /PULL_LISTEN/],
    ['healthcheck', 'OPS_LISTEN', 'none', 2, /nothing to ask/],
    ['healthcheck', 'OPS_LISTEN', '127.0.0.1:1', 1, /no answer from/],
  ];
  for (const [command, setting, value, code, errors] of settings) {
    test(`weir ${command} with ${setting}=${value} ends with ${code}`, async () => {
      const others = { PULL_LISTEN: '127.0.0.1:0', PUSH_LISTEN: 'none' };
      assertOutcome(await run('weir', [command], { ...others, [setting]: value }), code, errors);
    });
  }

  const notSockets: [what: string, path: (folder: string) => string, errors: RegExp][] = [
    ['a file', (own) => join(own, 'file'), /no socket/],
    ['a folder', (own) => join(own, 'folder'), /no socket/],
    ['a folder that is not there', (own) => join(own, 'none', 'sock'), /cannot listen/],
    ['a name of 200 letters', (own) => join(own, 'x'.repeat(200)), /at most 107 bytes/],
  ];
  for (const [what, path, errors] of notSockets) {
    test(`weir serve does not listen on ${what}, and leaves what is there`, async () => {
      const listen = { PULL_LISTEN: `unix:${path(folder)}`, PUSH_LISTEN: 'none', OPS_LISTEN: 'none' };
      assertOutcome(await run('weir', ['serve'], listen), 1, errors);
      assert.equal(await readFile(join(folder, 'file'), 'utf8'), 'something of somebody');
      assert.ok((await readdir(folder)).includes('folder'));
    });
  }
});

function short(args: readonly string[]): string {
  return args.map((arg) => (arg.length > 40 ? `${arg.slice(0, 40)}…` : arg || "''")).join(' ');
}
