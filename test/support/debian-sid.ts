// Programs that only Debian's development distribution has: BuildStream 2 and the tools of BuildBox. They live in
// a root folder of their own, made once and kept between runs, and see the machine's network and temporary folder.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

/** Debian packages of this machine that making and entering the root takes. */
export const sidTools = ['bubblewrap', 'debian-archive-keyring', 'mmdebstrap'];

// base-files brings the links of the root; dash is /bin/sh; gcc is what recc caches the work of.
const packages = ['base-files', 'buildbox', 'buildstream', 'dash', 'gcc'];

/** Nearly a third of what the packages bring, and not needed to compile a file or to run BuildStream. */
const leftOut = [
  '/usr/share/doc/*',
  '/usr/share/locale/*',
  '/usr/share/man/*',
  '/usr/bin/*-lto-dump*',
  '/usr/libexec/gcc/*/lto1',
  '/usr/lib/*/lib[ahlt]*san.*',
  '/usr/lib/*/libubsan.*',
  '/usr/lib/gcc/*/lib[ahlt]*san.*',
  '/usr/lib/gcc/*/libubsan.*',
];

const keyring = '/usr/share/keyrings/debian-archive-keyring.gpg';
const patienceSeconds = 1200;

// Packages are unpacked without running their scripts, so nothing has to be mounted meanwhile. A test enters the
// root without being able to write to it, so Python's compiled files have to be there. On days when packages of sid
// do not fit together, testing has those of a little earlier. Only a root in which the programs start gets its name.
const script = `
set -eu
root="$1"
mirror="$2"
shift 2
if test -d "$root"; then exit 0; fi
unfinished="$root.unfinished"
unpack() {
  suite="$1"
  shift
  rm -rf --one-file-system "$unfinished"
  mmdebstrap --quiet --mode=root --variant=extract "$@" "$suite" "$unfinished" "$mirror"
}
unpack sid "$@" || unpack testing "$@"
rm -f "$unfinished"/etc/apt/apt.conf.d/99mmdebstrap
printf '127.0.0.1 localhost\\n::1 localhost\\n' > "$unfinished/etc/hosts"
enter="bwrap --bind $unfinished / --dev /dev --proc /proc --unshare-pid"
$enter /usr/bin/python3 -m compileall -q /usr/lib/python3 /usr/lib/python3.[0-9]* > /dev/null || true
$enter /usr/bin/bst --version | grep -q '^2\\.'
$enter /usr/bin/recc --version > /dev/null 2>&1
$enter /usr/bin/gcc --version > /dev/null
mv "$unfinished" "$root"
`;

/** Where the root is, or would be: another recipe is another folder. Whoever deletes it gets it made again. */
const sidRoot = join(
  process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'),
  'weir',
  `debian-sid-${createHash('sha256')
    .update(JSON.stringify([packages, leftOut, script]))
    .digest('hex')
    .slice(0, 12)}`,
);

let usable: boolean | undefined;

/** Whether the programs can be run from here. */
export function hasSid(): boolean {
  if (!existsSync(sidRoot)) return false;
  const [program, ...args] = inSid('/', ['/bin/sh', '-c', ':']);
  usable ??= spawnSync(program, args, { stdio: 'ignore' }).status === 0;
  return usable;
}

/**
 * The command that runs a program of the root in `folder`, which is somewhere below the machine's temporary folder.
 * It ends, with everything that it started, when it is killed.
 */
export function inSid(folder: string, command: string[]): [program: string, ...args: string[]] {
  const parts = ['usr', 'etc'].flatMap((name) => ['--ro-bind', join(sidRoot, name), `/${name}`]);
  const links = ['bin', 'lib', 'lib64', 'sbin'].flatMap((name) => ['--symlink', `usr/${name}`, `/${name}`]);
  const system = ['--dev', '/dev', '--proc', '/proc', '--tmpfs', '/var', '--tmpfs', '/run'];
  const process = ['--unshare-pid', '--die-with-parent', '--setenv', 'TMPDIR', '/run', '--chdir', folder];
  return ['bwrap', ...parts, ...links, ...system, '--bind', tmpdir(), tmpdir(), ...process, ...command];
}

/** Makes the root if it is not there. Two processes may try at once; one that was interrupted leaves nothing in the way. */
export function makeSid(say: (line: string) => void): void {
  if (existsSync(sidRoot)) return;
  const mirror = debianMirror();
  if (mirror === undefined) {
    say("Debian's development distribution can only be had with the package sources of a Debian machine");
    return;
  }
  say(`making ${sidRoot} from ${packages.join(', ')} of Debian sid: about a minute, and kept for later runs`);
  mkdirSync(dirname(sidRoot), { recursive: true });
  const recipe = [
    ...aptOptions().map((option) => `--aptopt=${option}`),
    ...leftOut.map((pattern) => `--dpkgopt=path-exclude=${pattern}`),
    `--keyring=${keyring}`,
    `--include=${packages.join(',')}`,
  ];
  const locked = [
    '--timeout',
    `${patienceSeconds}`,
    `${sidRoot}.lock`,
    'sh',
    '-c',
    script,
    'sh',
    sidRoot,
    mirror,
  ];
  const { status } = spawnSync('flock', [...locked, ...recipe], {
    stdio: ['ignore', 2, 2],
    timeout: 2 * patienceSeconds * 1000,
  });
  if (status !== 0) say('that did not succeed; the last lines are above');
}

/** Address of the archive that this machine installs its own packages from. */
function debianMirror(): string | undefined {
  if (!/^ID=debian$/m.test(readFileSync('/etc/os-release', 'utf8'))) return undefined;
  const known = knownMirror();
  if (known !== undefined) return known;
  // Images are made without the lists that say whose archive an address is.
  spawnSync('apt-get', ['--quiet', '--quiet', 'update'], { stdio: ['ignore', 2, 2] });
  return knownMirror();
}

function knownMirror(): string | undefined {
  const format = '$(ORIGIN)|$(LABEL)|$(COMPONENT)|$(REPO_URI)';
  const list = ['indextargets', '--format', format, 'Created-By: Packages'];
  const { stdout } = spawnSync('apt-get', list, { encoding: 'utf8' });
  return /^Debian\|Debian\|main\|(.+?)\/?$/m.exec(stdout)?.[1];
}

/** How this machine's apt reaches and judges archives: proxies, time-outs, credentials, dates. */
function aptOptions(): string[] {
  const { stdout } = spawnSync('apt-config', ['dump'], { encoding: 'utf8' });
  const kept = /^Acquire::(?!IndexTargets|Changelogs|Languages).* "[^"]+";$/;
  return [
    ...stdout.split('\n').filter((line) => kept.test(line)),
    'Dir::Etc::netrc "/etc/apt/auth.conf";',
    'Dir::Etc::netrcparts "/etc/apt/auth.conf.d";',
  ];
}
