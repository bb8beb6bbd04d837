import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { type AccessToken, parseAccessTokens } from '../core/access-tokens.ts';
import type { Logger } from '../core/observer.ts';

const pollEveryMs = 1000;
const mostBytes = 1024 * 1024;

/** What a look at the file showed. */
interface Look {
  readonly text: string;
  /** Why there is no text. */
  readonly failure?: string;
}

/**
 * The tokens of a file, kept current: contents are compared again and again, so that a file that is replaced and
 * a link that is moved (as mounted secrets are) count as well. A file that cannot be read lets nobody in.
 */
export async function watchTokensFile(path: string, logger: Logger): Promise<() => readonly AccessToken[]> {
  let taken = await lookAt(path);
  let seen = taken;
  let tokens = takeOver(path, taken, logger);
  let looking = false;
  const look = async () => {
    const before = seen;
    seen = await lookAt(path);
    // Two looks that agree: a file that is being written is not taken over half.
    if (same(seen, taken) || !same(seen, before)) return;
    taken = seen;
    tokens = takeOver(path, taken, logger);
  };
  const timer = setInterval(() => {
    if (looking) return;
    looking = true;
    void look().finally(() => (looking = false));
  }, pollEveryMs);
  timer.unref();
  return () => tokens;
}

function same(one: Look, other: Look): boolean {
  return one.text === other.text && one.failure === other.failure;
}

function takeOver(path: string, { text, failure }: Look, logger: Logger): readonly AccessToken[] {
  if (failure !== undefined) {
    logger.error('the file of access tokens cannot be read: nobody gets in by a token', { path, failure });
    return [];
  }
  const { tokens, findings } = parseAccessTokens(text);
  for (const { line, problem } of findings) logger.warn(`${path}:${line} ${problem}; it admits nobody`);
  const fields = {
    path,
    pull: tokens.filter(({ role }) => role === 'pull').length,
    push: tokens.filter(({ role }) => role === 'push').length,
  };
  if (tokens.length === 0) logger.warn('there are no access tokens: nobody gets in by one', fields);
  else logger.info('took over the access tokens', fields);
  return tokens;
}

/** Never rejects: what is wrong is part of what was seen. */
async function lookAt(path: string): Promise<Look> {
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
