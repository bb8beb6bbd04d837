import { resolve } from 'node:path';
import { settings } from '../config/config.ts';
import { CacheError } from '../core/cache-error.ts';
import { type InstanceName, parseInstanceName } from '../core/instance-name.ts';
import { type Layout, layoutOf } from '../store/layout.ts';
import { expectCache } from '../store/volume-check.ts';
import { endWithoutReader } from './broken-pipe.ts';
import { type Command, InvalidArgumentError, Option } from './commander.ts';
import { exitCodes } from './exit-codes.ts';
import { type ProgressLine, progressLine } from './progress-line.ts';
import { stopOnSignals } from './stop-signals.ts';

/** What a command has that works on a volume. */
export interface VolumeWork {
  readonly layout: Layout;
  /** Aborts when somebody stops the command. */
  readonly signal: AbortSignal;
  readonly line: ProgressLine;
  /** To standard output, no faster than its reader takes it; takes the progress line away first. */
  readonly print: (text: string) => Promise<void>;
}

const usualVolume = settings.VOLUME.default ?? './data';

/** `--volume`, of the same default as the server's setting. */
export function withVolume(command: Command): Command {
  return command.addOption(
    new Option('--volume <directory>', 'directory of the cache; servers may be running on it')
      .env('VOLUME')
      .default(usualVolume),
  );
}

/** For an option or argument that names an instance. */
export function instanceOption(text: string): InstanceName {
  return orInvalid(() => parseInstanceName(text));
}

/** What commander says of an argument that a parser of ours does not take. */
function orInvalid<T>(parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    throw error instanceof CacheError ? new InvalidArgumentError(`${error.message}.`) : error;
  }
}

/**
 * Does the work, and sets the exit code that it resolves with. A directory that is no cache, a stop by a signal (128 and
 * its number) and errors end with the codes for them, and a sentence each.
 */
export async function onVolume(volume: string, work: (volume: VolumeWork) => Promise<number>): Promise<void> {
  const layout = layoutOf(resolve(volume === '' ? usualVolume : volume));
  const line = progressLine(process.stderr);
  const stopping = stopOnSignals();
  endWithoutReader();
  const fail = (error: unknown, code: number) => {
    line.clear();
    process.stderr.write(`weir: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = code;
  };
  try {
    await expectCache(layout);
  } catch (error) {
    return fail(error, exitCodes.usage);
  }
  try {
    const print = async (text: string) => {
      line.clear();
      if (!process.stdout.write(text)) await new Promise((drained) => process.stdout.once('drain', drained));
    };
    process.exitCode = await work({ layout, signal: stopping.signal, line, print });
  } catch (error) {
    const stopCode = stopping.exitCode();
    if (stopCode !== undefined) return fail('stopped before the end', stopCode);
    if (!(error instanceof CacheError)) throw error;
    fail(error, error.kind === 'invalid-argument' ? exitCodes.usage : exitCodes.failure);
  } finally {
    line.clear();
  }
}
