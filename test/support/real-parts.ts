// The programs that are not ours and that tests run for real: which there are, whether this machine has
// them, and how to get them. A test that needs one is registered with `testWith`, so that where the part
// is missing the test is counted as skipped, with the reason, or fails where CI promises a whole machine.
import { spawnSync } from 'node:child_process';
import type { StdioOptions } from 'node:child_process';
import { accessSync, constants, existsSync, rmSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { test } from 'node:test';
import type { TestContext, TestOptions } from 'node:test';

import { hasKubeApiserver, makeKubeApiserver } from './api-server-build.ts';
import { bazelPackages, hasBazel } from './bazel-install.ts';
import { hasKubernetesTools, makeKubernetesTools } from './kubernetes-tools.ts';
import { sized } from './promise-size.ts';
import { hasRemotetool, makeRemotetool } from './remotetool-build.ts';
import { hasSid, makeSid, sidTools } from './debian-sid.ts';

interface RealPart {
  name: string;
  /** Debian packages that bring it, or that `make` works with. */
  packages: string[];
  /** Makes it where the packages alone do not bring it. Says why it cannot. */
  make?(say: (line: string) => void): void;
  /** Whether it can be used now. Asked again after an installation. */
  present(): boolean;
  /** Takes too long to make for every run: the long one makes it. */
  slow?: true;
}

/** System Python: the one that Debian's packages are made for, whatever `python3` on the PATH may be. */
export const systemPython = '/usr/bin/python3';

const realParts = [
  {
    name: 'buildstream',
    packages: ['buildstream', 'bubblewrap'],
    // 2.x answers to the same name and speaks another protocol.
    present: () =>
      python('import buildstream; assert buildstream.__version__.startswith("1.6.")') && has('bst'),
  },
  {
    name: 'buildstream-protos',
    packages: ['python3-buildstream'],
    present: () => python('import buildstream._protos'),
  },
  { name: 'nginx', packages: ['nginx'], present: () => has('nginx') },
  { name: 'systemd', packages: ['systemd'], present: () => has('systemd') && has('systemd-analyze') },
  // The fonts are for the pictures that people look at.
  { name: 'chromium', packages: ['chromium', 'fonts-dejavu-core'], present: () => has('chromium') },
  { name: 'curl', packages: ['curl'], present: () => has('curl') },
  { name: 'h2load', packages: ['nghttp2-client'], present: () => has('h2load') },
  {
    name: 'strace',
    packages: ['strace'],
    // It is of no use where a process may not look at another.
    present: () => has('strace') && spawnSync('strace', ['-o', '/dev/null', 'true']).status === 0,
  },
  {
    name: 'bubblewrap',
    packages: ['bubblewrap'],
    // It is of no use where a process may not make namespaces.
    present: () => has('bwrap') && spawnSync('bwrap', ['--ro-bind', '/', '/', 'true']).status === 0,
  },
  { name: 'faketime', packages: ['faketime'], present: () => has('faketime') },
  {
    name: 'disk-images',
    packages: ['xfsprogs', 'e2fsprogs', 'mount', 'python3-minimal'],
    present: () => has('mkfs.xfs') && has('mkfs.ext4') && has('losetup') && existsSync(systemPython),
  },
  { name: 'openssl', packages: ['openssl'], present: () => has('openssl') },
  { name: 'zsh', packages: ['zsh'], present: () => has('zsh') },
  { name: 'fish', packages: ['fish'], present: () => has('fish') },
  // Gives a program a terminal.
  { name: 'script', packages: ['bsdutils'], present: () => has('script') },
  { name: 'prometheus', packages: ['prometheus'], present: () => has('prometheus') && has('promtool') },
  {
    name: 'docker',
    packages: ['docker.io', 'docker-compose'],
    present: () => has('docker') && has('docker-compose'),
  },
  { name: 'bazel', packages: bazelPackages, present: hasBazel },
  {
    name: 'remotetool',
    packages: has('go') ? [] : ['golang-go'],
    make: makeRemotetool,
    present: hasRemotetool,
  },
  {
    name: 'kubernetes-tools',
    packages: ['unzip'],
    make: makeKubernetesTools,
    present: hasKubernetesTools,
  },
  {
    name: 'kube-apiserver',
    packages: has('go') ? ['etcd-server'] : ['etcd-server', 'golang-go'],
    make: makeKubeApiserver,
    present: () => has('etcd') && hasKubeApiserver(),
    slow: true,
  },
  // The two are packages of Debian's development distribution, and come in one root folder.
  { name: 'buildstream2', packages: sidTools, make: makeSid, present: hasSid },
  { name: 'buildbox', packages: sidTools, make: makeSid, present: hasSid },
] as const satisfies RealPart[];

type Part = (typeof realParts)[number];

export type RealPartName = Part['name'];

/** Full path of a program, looked for where root would find it too; undefined when there is none. */
export function findCommand(name: string): string | undefined {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/local/sbin', '/usr/sbin', '/sbin'];
  return folders.map((folder) => join(folder, name)).find((path) => isExecutable(path));
}

/** Test options that skip, with a sentence, where one of the parts is missing; throws instead where CI promises it. */
function needs(...names: RealPartName[]): { skip: string | false } {
  const missing = realParts.filter((part) => names.includes(part.name) && !part.present());
  if (missing.length === 0) return { skip: false };
  const sentence = `needs ${listed(missing)}: not on this machine (${remedyFor(missing)})`;
  if (missing.some(isPromised)) throw new Error(sentence);
  return { skip: sentence };
}

/** Whether this run gets it where it is missing. */
function isExpected(part: Part): boolean {
  return !('slow' in part) || sized({ short: false, long: true });
}

/** Where it must not be missing: CI has a whole machine, as far as its run gets the parts. */
function isPromised(part: Part): boolean {
  return process.env['CI'] === 'true' && isExpected(part);
}

function remedyFor(missing: Part[]): string {
  if (!missing.every(isExpected)) return 'npm run test:long -- FILE gets it when root runs it on Debian';
  if (missing.some((part) => 'make' in part)) return 'npm test gets it when root runs it on Debian';
  return `Debian: apt-get install ${packagesOf(missing).join(' ')}`;
}

/** `test` for tests that need these parts. Counted one by one as skipped where a part is missing. */
export function testWith(...names: RealPartName[]) {
  const needed = needs(...names);
  return (name: string, body: (t: TestContext) => Promise<void>, options: TestOptions = {}): void => {
    void test(name, { timeout: 480_000, ...options, ...(needed.skip === false ? {} : needed) }, body);
  };
}

/** Gets what is missing of all parts, if this process may; says what it does and what stays missing. */
export function installRealParts(say: (line: string) => void): void {
  install(missingParts().filter(isExpected), say);
  for (const part of missingParts()) {
    say(`without ${part.name}: the tests that need it are ${isPromised(part) ? 'failed' : 'skipped'}`);
  }
}

/** The same for some of them, for who is no test: why they cannot be had, or undefined. */
export function obtainParts(names: readonly RealPartName[], say: (line: string) => void): string | undefined {
  const missing = () => missingParts().filter(({ name }) => names.includes(name));
  install(missing(), say);
  const left = missing();
  return left.length === 0 ? undefined : `${listed(left)}: not on this machine (${remedyFor(left)})`;
}

function install(missing: Part[], say: (line: string) => void): void {
  if (missing.length === 0) return;
  const packages = packagesOf(missing);
  if (process.getuid?.() !== 0 || findCommand('apt-get') === undefined) {
    say(`missing: ${listed(missing)}; only root on Debian or Ubuntu can have them installed from here`);
    return;
  }
  if (packages.length > 0) say(`installing with apt-get: ${packages.join(' ')}`);
  if (packages.length > 0 && !withoutDaemons(() => aptInstall(packages))) {
    say('apt-get did not succeed; its last lines are above');
  }
  for (const make of new Set(missing.flatMap((part) => ('make' in part ? [part.make] : [])))) make(say);
}

function missingParts(): Part[] {
  return realParts.filter((part) => !part.present());
}

function listed(parts: RealPart[]): string {
  return parts.map(({ name }) => name).join(', ');
}

function packagesOf(parts: RealPart[]): string[] {
  return [...new Set(parts.flatMap((part) => part.packages))];
}

/** Indexes are only fetched when the installation does not work with those that are there. */
function aptInstall(packages: string[]): boolean {
  const install = ['install', '--yes', '--no-install-recommends', ...packages];
  return aptGet(install, 'ignore') || (aptGet(['update'], 2) && aptGet(install, 2));
}

function aptGet(args: string[], output: 'ignore' | 2): boolean {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const stdio: StdioOptions = ['ignore', output, output];
  return spawnSync('apt-get', ['--quiet', '--quiet', ...args], { env, stdio }).status === 0;
}

/** Debian's own way to say that an installation starts no service; what is there already stays as it is. */
function withoutDaemons<T>(action: () => T): T {
  const policy = '/usr/sbin/policy-rc.d';
  if (existsSync(policy)) return action();
  writeFileSync(policy, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  try {
    return action();
  } finally {
    rmSync(policy);
  }
}

function has(command: string): boolean {
  return findCommand(command) !== undefined;
}

function python(statement: string): boolean {
  return (
    existsSync(systemPython) && spawnSync(systemPython, ['-c', statement], { stdio: 'ignore' }).status === 0
  );
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
