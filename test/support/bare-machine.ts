// A machine without containers, with Weir's folder where docs/install.md has it: this machine's programs, and everything
// else its own, its network too, so that ports are those of the page. bubblewrap makes it.
import { join } from 'node:path';

import { fencedBlocks, page, section } from '../docs/documents.ts';

const project = join(import.meta.dirname, '..', '..');

/** Arguments of bubblewrap. It is gone, with all that ran in it, when bubblewrap has ended. */
export const bareMachine: readonly string[] = [
  ...words('--die-with-parent --unshare-pid --unshare-net --unshare-ipc --unshare-uts'),
  ...words('--tmpfs / --ro-bind /usr /usr --tmpfs /usr/local --dir /usr/local/bin'),
  ...['bin', 'sbin', 'lib', 'lib64'].flatMap((name) => ['--symlink', `usr/${name}`, `/${name}`]),
  ...words('--proc /proc --ro-bind /proc/sys /proc/sys --dev /dev --tmpfs /run --perms 1777 --tmpfs /tmp'),
  // What bubblewrap makes by itself is for its user alone.
  ...['/opt', '/srv', '/var', '/var/lib'].flatMap((folder) => ['--perms', '0755', '--dir', folder]),
  ...words('--ro-bind'),
  project,
  '/opt/weir',
];

/** More of them: whoever is on it has no rights, and this folder as `/srv`. */
export function ordinaryUser(folder: string): string[] {
  const rest = '/srv --chdir /opt/weir --ro-bind /etc /etc';
  return [...words('--unshare-user --uid 1000 --gid 1000 --bind'), folder, ...words(rest)];
}

/** What there is in the environment of whoever has logged in on it. */
export function loginEnvironment(home: string): Readonly<Record<string, string>> {
  const path = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
  return { PATH: path, HOME: home, LANG: 'C.UTF-8' };
}

/** The commands under a heading of docs/install.md, for one shell that ends at the first failure. */
export function installCommands(heading: string): string {
  return commandBlocks('docs/install.md', heading).join('\n');
}

/** The blocks of commands under a heading of a page. */
export function commandBlocks(path: string, heading: string): [string, ...string[]] {
  const [first, ...others] = fencedBlocks(section(page(path), heading), 'sh');
  if (first === undefined) throw new Error(`there are no commands under ${heading} of ${path}`);
  return [first, ...others];
}

function words(text: string): string[] {
  return text.split(' ');
}
