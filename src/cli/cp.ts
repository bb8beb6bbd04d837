import { resolve } from 'node:path';
import { Command, InvalidArgumentError, Option } from './commander.ts';
import { CacheError } from '../core/cache-error.ts';
import type { InstanceName } from '../core/instance-name.ts';
import type { CopyTarget } from '../copying/copy-ends.ts';
import { copyNames } from '../copying/copy-names.ts';
import { isServerUrl } from '../copying/server-connection.ts';
import { type CopiedKind, copiedKinds } from '../copying/volume-source.ts';
import { endWithoutReader } from './broken-pipe.ts';
import { expectReadable, type OpenedSource, openSource, openTarget } from './cp-ends.ts';
import { givenNames, listedNames, type NameChoice, parseCopiedName } from './cp-names.ts';
import { type CopyReport, emptyReport, reporting, reportText } from './cp-report.ts';
import { exitCodes } from './exit-codes.ts';
import { type ProgressLine, progressLine } from './progress-line.ts';
import { refSyntax } from './ref-options.ts';
import { type Stopping, stopOnSignals } from './stop-signals.ts';
import { instanceOption } from './volume-command.ts';

interface CpOptions {
  readonly ref: readonly string[];
  readonly kind: readonly CopiedKind[];
  readonly namesFrom?: string;
  readonly instanceFrom?: InstanceName;
  readonly instanceTo?: InstanceName;
  readonly jobs: number;
  readonly retries: number;
  readonly dryRun: boolean;
  readonly json: boolean;
  readonly clientKey?: string;
  readonly clientCert?: string;
  readonly serverCert?: string;
  readonly tokenFile?: string;
  readonly fromClientKey?: string;
  readonly fromClientCert?: string;
  readonly fromServerCert?: string;
  readonly fromTokenFile?: string;
}

/** `weir cp`: copies names, with all that they lead to. */
export function cpCommand(): Command {
  return new Command('cp')
    .description(
      'copy names and all that they lead to, from a server or a directory to another; removes nothing',
    )
    .argument('<from>', 'directory of a cache, or http(s)://host:port of a server')
    .argument('<to>', 'the same; of a server the port for pushing')
    .argument('[ref...]', `what to copy: ${refSyntax}; of a directory all names, unless some are given`)
    .option(
      '--ref <pattern>',
      'of a directory: only names like this, * for anything; may be repeated',
      add,
      [],
    )
    .addOption(
      new Option('--kind <kind>', 'only names of this kind; may be repeated')
        .choices(copiedKinds)
        .argParser(addKind)
        .default([]),
    )
    .option('--names-from <file>', 'a name in each line; - for standard input')
    .option('--instance-from <name>', 'the instance of the names at the source', instanceOption)
    .option('--instance-to <name>', 'the instance that they get; else that which they have', instanceOption)
    .option('--jobs <count>', 'names, and transfers, at once', numberBetween(1, 64), 4)
    .option(
      '--retries <count>',
      'how often a call is made again that could not be answered',
      numberBetween(0, 100),
      6,
    )
    .option('--client-key <file>', 'key of the client certificate for <to> (PEM)')
    .option('--client-cert <file>', 'client certificate for <to> (PEM)')
    .option('--server-cert <file>', 'certificate of <to>, or of who signed it (PEM)')
    .option('--token-file <file>', 'file with the access token for <to>')
    .option('--from-client-key <file>', 'the same for <from>')
    .option('--from-client-cert <file>', 'the same for <from>')
    .option('--from-server-cert <file>', 'the same for <from>')
    .option('--from-token-file <file>', 'the same for <from>')
    .option('--dry-run', 'only tell what would be copied', false)
    .option('--json', 'print one JSON object', false)
    .action(cp);
}

async function cp(from: string, to: string, refs: readonly string[], options: CpOptions): Promise<void> {
  endWithoutReader();
  const stopping = stopOnSignals();
  const line = progressLine(process.stderr);
  const report = emptyReport(from, to, options.dryRun);
  const choice: NameChoice = {
    refs,
    file: options.namesFrom,
    kinds: options.kind,
    instance: options.instanceFrom,
    patterns: options.ref,
  };
  let source: OpenedSource | undefined;
  let target: CopyTarget | undefined;
  try {
    expectSense(from, to, choice);
    if (choice.file !== undefined && choice.file !== '-') await expectReadable(choice.file);
    source = await openSource(from, filesOf(options, 'from'), options.retries, Date.now, stopping.signal);
    target = await openTarget(to, filesOf(options, 'to'), options, Date.now, stopping.signal);
  } catch (error) {
    await Promise.all([source?.source.close(), target?.close()]);
    process.exitCode = stopping.exitCode() ?? tell(error);
    return;
  }
  try {
    await copy(source, target, choice, { report, line, stopping }, options);
    report.whole = true;
  } catch (error) {
    if (stopping.exitCode() === undefined) {
      if (!(error instanceof CacheError)) throw error;
      report.error = error.message;
    }
  } finally {
    line.clear();
    await Promise.all([source.source.close(), target.close()]);
  }
  process.stdout.write(options.json ? `${JSON.stringify(report)}\n` : reportText(report));
  process.exitCode = exitCodeOf(report, stopping);
}

async function copy(
  { source, layout }: OpenedSource,
  target: CopyTarget,
  choice: NameChoice,
  { report, line, stopping }: { report: CopyReport; line: ProgressLine; stopping: Stopping },
  { jobs, dryRun, instanceTo }: CpOptions,
): Promise<void> {
  const { signal } = stopping;
  const names = (signal: AbortSignal) =>
    layout === undefined || isGiven(choice)
      ? givenNames(choice, signal)
      : listedNames(layout, choice, signal);
  let total: number | undefined;
  // Only somebody who looks wants to know how much there is; what comes in by a pipe cannot be read twice.
  if (process.stderr.isTTY && choice.file !== '-')
    void counted(names(signal)).then(
      (count) => (total = count),
      () => {},
    );
  const observer = reporting(report, line, () => total);
  await copyNames(names, source, target, { jobs, dryRun, instanceTo }, observer, signal);
}

async function counted(names: AsyncIterable<unknown>): Promise<number> {
  let count = 0;
  for await (const _ of names) count++;
  return count;
}

/** Throws 'invalid-argument' for a command line that cannot be meant. */
function expectSense(from: string, to: string, choice: NameChoice): void {
  for (const ref of choice.refs) parseCopiedName(ref, choice);
  if (isServerUrl(from) && !isGiven(choice))
    throw new CacheError(
      'invalid-argument',
      `${from} is a server, which cannot be asked for its names: give them, or --names-from a file`,
    );
  if (choice.patterns.length > 0 && isGiven(choice))
    throw new CacheError(
      'invalid-argument',
      '--ref chooses among all names of a directory; here names are given',
    );
  if (from === to || resolve(from) === resolve(to))
    throw new CacheError('invalid-argument', 'both ends are the same');
}

function isGiven({ refs, file }: NameChoice): boolean {
  return refs.length > 0 || file !== undefined;
}

function filesOf(options: CpOptions, end: 'from' | 'to') {
  return end === 'to'
    ? {
        clientKey: options.clientKey,
        clientCert: options.clientCert,
        serverCert: options.serverCert,
        tokenFile: options.tokenFile,
      }
    : {
        clientKey: options.fromClientKey,
        clientCert: options.fromClientCert,
        serverCert: options.fromServerCert,
        tokenFile: options.fromTokenFile,
      };
}

/** Says what is wrong before anything was copied, and gives the code for it. */
function tell(error: unknown): number {
  if (!(error instanceof CacheError)) throw error;
  process.stderr.write(`weir: ${error.message}\n`);
  return error.kind === 'invalid-argument' ? exitCodes.usage : exitCodes.failure;
}

function exitCodeOf({ whole, names }: CopyReport, stopping: Stopping): number {
  if (!whole) return stopping.exitCode() ?? exitCodes.failure;
  return names.skipped + names.failed > 0 ? exitCodes.failure : exitCodes.success;
}

function add(text: string, before: readonly string[]): readonly string[] {
  return [...before, text];
}

function addKind(text: string, before: readonly CopiedKind[]): readonly CopiedKind[] {
  const kind = copiedKinds.find((candidate) => candidate === text);
  if (kind === undefined) throw new InvalidArgumentError(`Allowed choices are ${copiedKinds.join(', ')}.`);
  return [...before, kind];
}

function numberBetween(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= least && value <= most) return value;
    throw new InvalidArgumentError(`A whole number from ${least} to ${most} is needed.`);
  };
}
