import { constants } from 'node:fs';
import { open } from 'node:fs/promises';

const pollEveryMs = 1000;

/** What a look at a file showed. */
export interface Look {
  readonly text: string;
  /** Why there is no text. */
  readonly failure?: string;
}

/** How a file is watched. */
export interface WatchedFile {
  readonly path: string;
  /** One that is longer counts as one that cannot be read. */
  readonly mostBytes: number;
  /**
   * Whether whoever writes it replaces it in one step. Else a change is taken over when two looks agree, so that a file
   * that is being written is not taken over half.
   */
  readonly replacedAtOnce: boolean;
}

/**
 * Gives `onChange` what is in a file now, and again whenever that changes: contents are compared again and again, so that
 * a file that is replaced and a link that is moved (as mounted secrets are) count as well. Resolves after the first.
 */
export async function watchFile(file: WatchedFile, onChange: (look: Look) => void): Promise<void> {
  let taken = await lookAt(file);
  let seen = taken;
  onChange(taken);
  let looking = false;
  const look = async () => {
    const before = seen;
    seen = await lookAt(file);
    if (same(seen, taken) || !(file.replacedAtOnce || same(seen, before))) return;
    taken = seen;
    onChange(taken);
  };
  const timer = setInterval(() => {
    if (looking) return;
    looking = true;
    void look().finally(() => (looking = false));
  }, pollEveryMs);
  timer.unref();
}

function same(one: Look, other: Look): boolean {
  return one.text === other.text && one.failure === other.failure;
}

/** Never rejects: what is wrong is part of what was seen. */
async function lookAt({ path, mostBytes }: WatchedFile): Promise<Look> {
  try {
    // A pipe in its place must not hold the look up.
    const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const stats = await file.stat();
      if (!stats.isFile()) return { text: '', failure: 'it is no file' };
      if (stats.size > mostBytes) return { text: '', failure: `it has more than ${mostBytes} bytes` };
      return { text: await file.readFile('utf8') };
    } finally {
      await file.close();
    }
  } catch (error) {
    return { text: '', failure: error instanceof Error ? error.message : String(error) };
  }
}
