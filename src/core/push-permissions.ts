import { CacheError } from './cache-error.ts';
import { quote } from './digest.ts';
import type { InstanceName } from './instance-name.ts';

/** A part of the caches of a server: an instance, or all of them, and in it names that begin alike, or all of them. */
export interface PushScope {
  /** '*' for every one; '' is the one without a name. */
  readonly instance: string;
  /** Whole segments of a name, as in `project` or `project/element`, or '*' for everything, with a name or without. */
  readonly prefix: string;
}

/** What somebody may push: everything where it is undefined, nothing where it is empty. */
export type PushScopes = readonly PushScope[] | undefined;

/** A line of the file of permissions. */
export interface PermissionRule {
  /** SHA-256 of a certificate (or its start, where the line was cut off), a name, or '*' for those with no line of their own. */
  readonly who: string;
  readonly scopes: readonly PushScope[];
  readonly line: number;
}

/** What is wrong with a line. */
export interface PermissionFinding {
  /** From 1. */
  readonly line: number;
  readonly problem: string;
}

/** Of what has no name that begins with a project: `@sources`, `@assets` and `@actions` grant them. */
const namelessKinds = ['@sources', '@assets', '@actions'] as const;

const everything: PushScope = { instance: '*', prefix: '*' };
const mostRules = 10_000;
const mostScopes = 100;
const fingerprintLength = 64;
/** A word of hex digits that is at least so long is meant as a fingerprint. */
const leastFingerprintDigits = 16;

/**
 * Reads the file: a line each, `WHO push SCOPE…` or `WHO pull`; `#` begins a comment. Lines about the same certificate add
 * up. One that cannot be used is among the findings and grants nothing, yet counts as a line about whoever it is about:
 * they may push nothing but what other lines grant.
 */
export function parsePermissions(text: string): { rules: PermissionRule[]; findings: PermissionFinding[] } {
  const rules: PermissionRule[] = [];
  const findings: PermissionFinding[] = [];
  for (const [index, content] of text
    .replace(/^\uFEFF/, '')
    .split(/\r?\n/)
    .entries()) {
    const line = index + 1;
    const words = content
      .replace(/(^|\s)#.*/s, '')
      .split(/\s+/)
      .filter((word) => word !== '');
    const [first, verb, ...rest] = words;
    if (first === undefined) continue;
    if (rules.length === mostRules) {
      findings.push({ line, problem: `comes after ${mostRules} lines, which is as many as are taken` });
      break;
    }
    const who = whoOf(first);
    const scopes = scopesOf(verb, rest);
    const problem = typeof scopes === 'string' ? scopes : problemOf(who);
    if (problem !== undefined) findings.push({ line, problem: `${problem}; it grants nothing` });
    rules.push({ who, line, scopes: typeof scopes === 'string' || problem !== undefined ? [] : scopes });
  }
  return { rules, findings };
}

/** Fingerprints as everybody writes them become ours. */
function whoOf(word: string): string {
  const digits = word.replaceAll(':', '').toLowerCase();
  return isHex(digits) ? digits : word;
}

function isHex(digits: string): boolean {
  return digits.length >= leastFingerprintDigits && /^[0-9a-f]+$/.test(digits);
}

function problemOf(who: string): string | undefined {
  if (isHex(who) && who.length !== fingerprintLength)
    return `begins with a fingerprint of ${who.length} digits, where SHA-256 has ${fingerprintLength}`;
  return undefined;
}

function scopesOf(verb: string | undefined, words: readonly string[]): PushScope[] | string {
  if (verb === 'pull') return words.length === 0 ? [] : 'has more after pull, which takes nothing';
  if (verb !== 'push') return 'has neither push nor pull after the first word';
  if (words.length === 0) return 'does not say what after push; * is everything';
  if (words.length > mostScopes)
    return `has ${words.length} words after push; at most ${mostScopes} are taken`;
  const scopes = words.map(parseScope);
  const wrong = scopes.find((scope) => typeof scope === 'string');
  return wrong ?? scopes.filter((scope) => typeof scope !== 'string');
}

/** `[INSTANCE:]PREFIX`, `%3A` for a colon that is part of a name; or what is wrong with it. */
function parseScope(word: string): PushScope | string {
  if (word === '*') return everything;
  const at = word.indexOf(':');
  try {
    const instance = at === -1 ? '' : decodeURIComponent(word.slice(0, at));
    const prefix = decodeURIComponent(word.slice(at + 1)).replace(/\/$/, '');
    if (prefix === '') return `has ${quote(word)} without a prefix; * is everything of an instance`;
    if (prefix.includes('*') && prefix !== '*')
      return `has a * inside ${quote(word)}; write the segments that names begin with, as in project or project/element`;
    if (instance.includes('*') && instance !== '*')
      return `has a * inside the instance of ${quote(word)}; * alone is every instance`;
    if (prefix.startsWith('@') && !namelessKinds.some((kind) => kind === prefix))
      return `has ${quote(word)}, where there are ${namelessKinds.join(', ')}`;
    return { instance, prefix };
  } catch {
    return `has a % in ${quote(word)} that begins no character; %25 stands for one`;
  }
}

/** What a certificate may push, by the lines about it; by those about `*` where there are none; else everything. */
export function scopesFor(
  rules: readonly PermissionRule[],
  certificate: { readonly name: string; readonly sha256: string },
): PushScopes {
  const own = rules.filter(({ who }) => isAbout(who, certificate));
  const about = own.length > 0 ? own : rules.filter(({ who }) => who === '*');
  if (about.length === 0) return undefined;
  const scopes = about.flatMap((rule) => rule.scopes);
  return scopes.some(({ instance, prefix }) => instance === '*' && prefix === '*') ? undefined : scopes;
}

/** Whether a line's first word means this certificate. */
export function isAbout(who: string, { name, sha256 }: { name: string; sha256: string }): boolean {
  return who === name || (isHex(who) && sha256.startsWith(who));
}

/** As in the file; `everything` and `nothing` in words. */
export function scopesText(scopes: PushScopes): string {
  if (scopes === undefined) return 'everything';
  return scopes.length === 0 ? 'nothing' : scopes.map(scopeText).join(' ');
}

function scopeText({ instance, prefix }: PushScope): string {
  const escaped = (text: string) => text.replaceAll(/[%:\s]/g, encodeURIComponent);
  return instance === '' && prefix !== '*' ? escaped(prefix) : `${escaped(instance)}:${escaped(prefix)}`;
}

/** Whether a name of an instance may be pushed: of a reference, or one of the nameless kinds. */
export function mayPush(scopes: PushScopes, instanceName: string, name: string): boolean {
  if (scopes === undefined) return true;
  return scopes.some(
    ({ instance, prefix }) =>
      (instance === '*' || instance === instanceName) &&
      (prefix === '*' || name === prefix || name.startsWith(`${prefix}/`)),
  );
}

/** Throws 'permission-denied', with what may be pushed, for a name that may not. */
export function expectMayPush(scopes: PushScopes, instanceName: InstanceName, name: string): void {
  if (!mayPush(scopes, instanceName, name)) throw denied(scopes, `${thing(name)}${inInstance(instanceName)}`);
}

/** Throws 'permission-denied' where nothing at all may be pushed to an instance: blobs have no names to go by. */
export function expectMayUpload(scopes: PushScopes, instanceName: InstanceName): void {
  const may =
    scopes === undefined || scopes.some(({ instance }) => instance === '*' || instance === instanceName);
  if (!may) throw denied(scopes, `blobs${inInstance(instanceName)}`);
}

function denied(scopes: PushScopes, what: string): CacheError {
  return new CacheError(
    'permission-denied',
    `this client certificate may not push ${what}; it may push ${scopesText(scopes)}`,
  );
}

function thing(name: string): string {
  if (name === '@sources') return 'sources';
  if (name === '@actions') return 'results of actions';
  return name === '@assets' ? 'assets that are no artifact of BuildStream' : quote(name);
}

function inInstance(instanceName: InstanceName): string {
  return instanceName === '' ? '' : ` to the instance ${quote(instanceName)}`;
}

/** How BuildStream calls an artifact in Remote Asset: 1.6 and 2, and a source. */
const artifactUri = /^urn:fdc:buildstream\.build:2020:(?:v1|artifact):(.+)$/s;
const sourceUri = /^urn:fdc:buildstream\.build:2020:source:/;

/** What permissions go by for an asset: the name of the artifact, `project/element/key`, where the URI has one. */
export function nameOfAsset(uri: string): string {
  return artifactUri.exec(uri)?.[1] ?? (sourceUri.test(uri) ? '@sources' : '@assets');
}
