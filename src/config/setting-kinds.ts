import { isIP } from 'node:net';
import type { OptionalValidatorSpec, RequiredValidatorSpec } from 'envalid';
import { bool, EnvError, makeValidator, str } from './envalid.ts';

/** What people are told of a setting, by `weir serve --help` and docs/settings.md: texts in Markdown. */
export interface Told {
  /** One or two sentences: what it means, and what its words stand for. */
  readonly desc: string;
  /** Of which form its value is: a unit, or the words that it may be. */
  readonly unit: string;
  /** Its default; words for one that depends on something. */
  readonly usually: string;
}

interface Description<T> {
  readonly default: T;
  readonly desc: string;
}

type Setting<T> = RequiredValidatorSpec<T> & Told;

/** Settings of one form. `parse` throws EnvError for what has another, with a sentence. */
function kind<T extends string | number>(unit: string, parse: (input: string) => T) {
  const validator = makeValidator<T>(parse);
  return (given: Description<T>): Setting<T> => described(validator(given), given, unit);
}

/** What envalid needs, and what people are told. */
function described<Spec extends object, T>(
  spec: Spec,
  { desc, default: usually }: Description<T>,
  unit: string,
): Spec & Told {
  return Object.assign(spec, { desc, unit, usually: code(String(usually)) });
}

function code(word: string): string {
  return `\`${word}\``;
}

/** A number of things, from 1 on, whose default depends on something. */
export function countUpTo(most: number) {
  return dependentKind('number', (input) => {
    const value = Number(input);
    if (/^\d+$/.test(input) && value >= 1 && value <= most) return value;
    throw new EnvError(`${JSON.stringify(input)} is no whole number between 1 and ${most}`);
  });
}

/** Settings of one form whose default depends on something; `usually` says on what. */
function dependentKind<T extends string | number>(unit: string, parse: (input: string) => T) {
  const validator = makeValidator<T>(parse);
  return (told: Pick<Told, 'usually' | 'desc'>): OptionalValidatorSpec<T> & Told =>
    Object.assign(validator({ default: undefined }), { ...told, unit });
}

/** Where a listener is: `host:port`, `[ipv6]:port` or `unix:/absolute/path`. */
function parseAddress(input: string): string {
  if (/^unix:\/.+$/.test(input)) return input;
  const port = /^(?:\[[0-9a-fA-F:.]+\]|[^\s:[\]]+):(\d{1,5})$/.exec(input)?.[1];
  if (port !== undefined && Number(port) <= 65_535) return input;
  throw new EnvError(
    `${JSON.stringify(input)} is no address: write host:port, [ipv6]:port or unix:/absolute/path`,
  );
}

export const address = kind('address', parseAddress);

/** `none` for no listener; see `unlessNone`. */
export const optionalAddress = kind('address', (input) => (input === 'none' ? input : parseAddress(input)));

/** A port of its own: plain HTTP for probes and Prometheus, which know no socket files. */
export const portAddress = kind('address', (input) => {
  if (input === 'none') return input;
  if (!input.startsWith('unix:')) return parseAddress(input);
  throw new EnvError(`${JSON.stringify(input)} is no address for this port: write host:port or none`);
});

/** Timers of more milliseconds than an int32 holds end at once. */
const mostSeconds = 2_000_000;

export const seconds = kind('seconds', (input) => {
  const value = Number(input);
  if (input.trim() !== '' && value >= 0 && value <= mostSeconds) return value;
  throw new EnvError(`${JSON.stringify(input)} is no number of seconds between 0 and ${mostSeconds}`);
});

function parseBytes(input: string): number {
  const value = Number(input);
  if (Number.isFinite(value) && value >= 0) return value;
  throw new EnvError(`${JSON.stringify(input)} is no number of bytes, like 2000000000 or 2e9`);
}

export const bytes = kind('bytes', parseBytes);

/** Bytes that depend on the volume unless they are set. */
export const bytesByVolume = dependentKind('bytes', parseBytes);

/** 0, for no limit, can be written in words. */
export const byteLimit = kind('bytes', (input) => {
  if (input === 'none' || input === 'infinity') return 0;
  const value = Number(input);
  if (input.trim() !== '' && Number.isFinite(value) && value >= 0) return value;
  throw new EnvError(
    `${JSON.stringify(input)} is no number of bytes, like 500000000000 or 5e11, and not none`,
  );
});

/** `none`, or words that are all of a form, with commas or spaces between; see `wordsOf`. */
function listOf(unit: string, isOne: (word: string) => boolean, form: string) {
  return kind(unit, (input) => {
    const wrong = wordsOf(input).find((word) => !isOne(word));
    if (wrong === undefined) return input;
    throw new EnvError(`${JSON.stringify(wrong)} is not ${form}`);
  });
}

function isHost(word: string): boolean {
  return (
    /^((\*\.)?([\w-]+\.)*[\w-]+|\[[0-9a-f:.]+\])(:\d+)?$/i.test(word) &&
    URL.canParse(`https://${word.replace('*.', '')}`)
  );
}

function isNetwork(word: string): boolean {
  const [network = '', prefix = '0', ...rest] = word.split('/');
  const bits = { 4: 32, 6: 128 }[isIP(network)] ?? -1;
  return rest.length === 0 && /^\d{1,3}$/.test(prefix) && Number(prefix) <= bits;
}

export const hosts = listOf(
  'hosts',
  isHost,
  'a host: write files.example.com, *.example.com, or one of them with :port',
);
export const networks = listOf(
  'networks',
  isNetwork,
  'a network: write one like 10.1.0.0/16 or fd00:1::/32, or an address',
);

/** The words of a list; empty for `none`. */
export function wordsOf(list: string): readonly string[] {
  return list === 'none' ? [] : list.split(/[\s,]+/).filter((word) => word !== '');
}

export const path = kind('path', (input) => input);
export const text = kind('text', (input) => input);

/** What `none` stands for, where a listener or a file may be absent. */
export function unlessNone(value: string): string | undefined {
  return value === 'none' ? undefined : value;
}

export function yesOrNo(given: Description<boolean>): Setting<boolean> {
  return described(bool(given), given, `${code('true')}, ${code('false')}`);
}

/** One of some words. */
export function oneOf<const Word extends string>(
  choices: readonly Word[],
  given: Description<Word>,
): Setting<Word> {
  return described(str({ ...given, choices }), given, choices.map(code).join(', '));
}
