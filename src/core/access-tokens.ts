import { createHash, timingSafeEqual } from 'node:crypto';
import type { Role } from './observer.ts';

/** A token that lets its holder in, as far as the server knows it: never the token itself. */
export interface AccessToken {
  /** For the log: who holds it. */
  readonly name: string;
  readonly role: Role;
  /** SHA-256 of the token. */
  readonly hash: Uint8Array;
}

/** What is wrong with a line. Neither has a word of the line: somebody may have put a token there. */
export interface TokenFinding {
  /** From 1. */
  readonly line: number;
  readonly problem: string;
}

/** Each call with a token is compared with all of them. */
const mostTokens = 1000;
/** Longer ones are not hashed: nothing that we make is nearly as long. */
const longestToken = 1024;

export const tokenNamePattern = /^[\w.@-]{1,64}$/;

/**
 * Reads a list of tokens: a line each, `<name> <pull|push> <SHA-256 of the token in hex>`; `#` begins a comment.
 * A line that cannot be used admits nobody and is among the findings; the others count.
 */
export function parseAccessTokens(text: string): { tokens: AccessToken[]; findings: TokenFinding[] } {
  const tokens: AccessToken[] = [];
  const findings: TokenFinding[] = [];
  const lineOf = new Map<string, number>();
  for (const [index, content] of text.split(/\r?\n/).entries()) {
    const line = index + 1;
    const words = content
      .replace(/#.*/s, '')
      .split(/\s+/)
      .filter((word) => word !== '');
    if (words.length === 0) continue;
    const parsed = parseWords(words);
    if (typeof parsed === 'string') {
      findings.push({ line, problem: parsed });
      continue;
    }
    const hash = Buffer.from(parsed.hash).toString('hex');
    const before = lineOf.get(hash);
    if (before !== undefined) {
      findings.push({ line, problem: `has the same token as line ${before}, which counts` });
    } else if (tokens.length === mostTokens) {
      findings.push({ line, problem: `comes after ${mostTokens} tokens, which is as many as are taken` });
      break;
    } else {
      lineOf.set(hash, line);
      tokens.push(parsed);
    }
  }
  return { tokens, findings };
}

/** The token of a line, or what is wrong with it. */
function parseWords([name = '', role = '', hash = '', ...more]: readonly string[]): AccessToken | string {
  if (!tokenNamePattern.test(name)) return 'has a name that is not 1 to 64 of letters, digits, . _ @ -';
  if (role !== 'pull' && role !== 'push') return 'has neither pull nor push after the name';
  if (!/^[0-9a-f]{64}$/i.test(hash) || more.length > 0)
    return 'does not end with the SHA-256 of a token in hex; `weir tokens new` prints such a line';
  return { name, role, hash: Buffer.from(hash, 'hex') };
}

/** How the list knows a token: its SHA-256. Tokens are long and random, so nothing slower is needed. */
function hashOfToken(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}

/** The line of the list that lets the holder of a token in. */
export function tokenLine(name: string, role: Role, token: string): string {
  return `${name} ${role} ${hashOfToken(token).toString('hex')}`;
}

/** The entry of a token; undefined when there is none. Takes the same time wherever in the list it is. */
export function findToken(tokens: readonly AccessToken[], token: string): AccessToken | undefined {
  if (token.length > longestToken) return undefined;
  const hash = hashOfToken(token);
  let found: AccessToken | undefined;
  for (const candidate of tokens) if (timingSafeEqual(candidate.hash, hash)) found = candidate;
  return found;
}
