import { type AccessToken, parseAccessTokens } from '../core/access-tokens.ts';
import type { Logger } from '../core/observer.ts';
import { type Look, watchFile } from './watched-file.ts';

const mostBytes = 1024 * 1024;

/** The tokens of a file, kept current. A file that cannot be read lets nobody in. */
export async function watchTokensFile(path: string, logger: Logger): Promise<() => readonly AccessToken[]> {
  let tokens: readonly AccessToken[] = [];
  await watchFile({ path, mostBytes, replacedAtOnce: false }, (look) => {
    tokens = takeOver(path, look, logger);
  });
  return () => tokens;
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
