import { open } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { CacheError } from '../core/cache-error.ts';
import type { InstanceName } from '../core/instance-name.ts';
import { parseWrittenDigest } from '../core/written-digest.ts';
import type { CopiedName } from '../copying/copied-name.ts';
import type { WantedName } from '../copying/copy-names.ts';
import { type CopiedKind, copiedKinds, namesOfVolume } from '../copying/volume-source.ts';
import { parseNamedRecord } from '../inventory/named-record.ts';
import { nameOf } from '../inventory/record-list.ts';
import type { Layout } from '../store/layout.ts';

/** Which names to copy. */
export interface NameChoice {
  /** As people write them; without any, and without a file, all of a directory. */
  readonly refs: readonly string[];
  /** One name in each line; `-` is standard input. */
  readonly file: string | undefined;
  readonly kinds: readonly CopiedKind[];
  readonly instance: InstanceName | undefined;
  /** Of a directory: only names that are like one of these. */
  readonly patterns: readonly string[];
}

/** Throws 'invalid-argument' for what can be no name. */
export function parseCopiedName(
  text: string,
  { kinds, instance }: Pick<NameChoice, 'kinds' | 'instance'>,
): CopiedName {
  const kind = kinds.length === 1 ? kinds[0] : undefined;
  const name = parseNamedRecord(text, { kind, instanceName: instance });
  if (name.kind === 'value')
    throw new CacheError('invalid-argument', 'values of HTTP clients cannot be copied by name');
  if (name.kind !== 'action') return name;
  // What comes before the digest, if anything, is the instance.
  const written = parseWrittenDigest(text) ?? parseWrittenDigest(text.slice(name.instanceName.length + 1));
  return written?.digest === undefined ? name : { ...name, sizeBytes: written.digest.sizeBytes };
}

/** The names that were given, one after the other; those of a file with what is wrong with them. */
export async function* givenNames(choice: NameChoice, signal: AbortSignal): AsyncGenerator<WantedName> {
  for (const text of choice.refs) yield { text, name: parseCopiedName(text, choice) };
  if (choice.file === undefined) return;
  for await (const text of linesOf(choice.file, signal)) {
    try {
      yield { text, name: parseCopiedName(text, choice) };
    } catch (error) {
      if (!(error instanceof CacheError)) throw error;
      yield { text, why: error.message };
    }
  }
}

/** The names in a directory. */
export async function* listedNames(
  layout: Layout,
  { kinds, instance, patterns }: NameChoice,
  signal: AbortSignal,
): AsyncGenerator<WantedName> {
  const like = patterns.map(patternOf);
  const filter = { kinds: kinds.length === 0 ? copiedKinds : kinds, instanceName: instance };
  for await (const wanted of namesOfVolume(layout, filter, signal)) {
    const name = nameOf(wanted.name);
    if (like.length === 0 || (name !== undefined && like.some((pattern) => pattern.test(name)))) yield wanted;
  }
}

/** Lines with something in them; what begins with # is for people. */
async function* linesOf(file: string, signal: AbortSignal): AsyncGenerator<string> {
  const handle = file === '-' ? undefined : await open(file);
  try {
    for await (const line of handle?.readLines() ?? createInterface({ input: process.stdin, signal })) {
      signal.throwIfAborted();
      const text = line.trim();
      if (text !== '' && !text.startsWith('#')) yield text;
    }
  } finally {
    await handle?.close();
    // Whoever writes to us may have more to say, and would keep us waiting.
    if (handle === undefined) process.stdin.destroy();
  }
}

/** `*` stands for any characters, slashes too, `?` for one. */
function patternOf(text: string): RegExp {
  const source = text.replaceAll(/[\\^$.|+()[\]{}]/g, String.raw`\$&`);
  return new RegExp(`^${source.replaceAll('*', '.*').replaceAll('?', '.')}$`, 'su');
}
