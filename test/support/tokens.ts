import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

const command = join(import.meta.dirname, '..', '..', 'bin', 'weir');

/** A token as its holder and as the operator have it. */
export interface TestToken {
  readonly token: string;
  /** For the list. */
  readonly line: string;
  /** What its holder sends. */
  readonly headers: { readonly authorization: string };
}

/** Asks `weir tokens new` for one. */
export function newToken(name: string, role: 'pull' | 'push'): TestToken {
  const args = [command, 'tokens', 'new', name, '--role', role, '--json'];
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`weir tokens new ended with ${status}: ${stderr}`);
  const { token, line } = JSON.parse(stdout) as { token: string; line: string };
  return { token, line, headers: bearer(token) };
}

export function bearer(token: string): TestToken['headers'] {
  return { authorization: `Bearer ${token}` };
}
