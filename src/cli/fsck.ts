import { resolve } from 'node:path';
import { layoutOf } from '../store/layout.ts';
import { type CheckObserver, checkVolume, expectCache } from '../store/volume-check.ts';
import { endWithoutReader } from './broken-pipe.ts';
import { Command } from './commander.ts';
import { exitCodes } from './exit-codes.ts';
import { addFinding, emptyReport, type FsckReport, reportText, stillWrong } from './fsck-report.ts';
import { bar, progressLine } from './progress-line.ts';
import { stopOnSignals } from './stop-signals.ts';

interface FsckOptions {
  readonly repair: boolean;
  readonly indexOnly: boolean;
  readonly json: boolean;
}

/** `weir fsck`: is everything on a volume as it should be? */
export function fsckCommand(): Command {
  return new Command('fsck')
    .description('read all of a volume and tell what is wrong with it (exit code 1) or that nothing is (0)')
    .argument('<volume>', 'directory of the cache; servers may be running on it')
    .option('--repair', 'set damaged blobs aside, and remove records that cannot be read', false)
    .option('--index-only', 'the volume of an index: do not look for what names lead to', false)
    .option('--json', 'print one JSON object', false)
    .action(fsck);
}

async function fsck(volume: string, options: FsckOptions): Promise<void> {
  const layout = layoutOf(resolve(volume));
  try {
    await expectCache(layout);
  } catch (error) {
    process.stderr.write(`weir: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = exitCodes.usage;
    return;
  }
  endWithoutReader();
  const report = emptyReport(layout.root);
  const stopping = stopOnSignals();
  const line = progressLine(process.stderr);
  try {
    await checkVolume(layout, options, Date.now, watcher(report, line), stopping.signal);
    report.whole = true;
  } catch (error) {
    if (stopping.exitCode() === undefined) throw error;
  } finally {
    line.clear();
  }
  process.stdout.write(options.json ? `${JSON.stringify(report)}\n` : reportText(report));
  process.exitCode = exitCodeOf(report, stopping.exitCode());
}

function exitCodeOf(report: FsckReport, stopCode: number | undefined): number {
  if (stopCode !== undefined && !report.whole) return stopCode;
  return stillWrong(report) > 0 ? exitCodes.failure : exitCodes.success;
}

function watcher(report: FsckReport, line: ReturnType<typeof progressLine>): CheckObserver {
  let now: { part: string; done: number | undefined } = { part: 'blobs', done: 0 };
  const show = () =>
    line.show(() => {
      const counts = `${report.blobs} blobs, ${Math.round(report.bytes / 1e6)} MB, ${stillWrong(report)} wrong`;
      return `${now.part} ${now.done === undefined ? '' : bar(now.done)} ${counts}`;
    });
  return {
    read(bytes) {
      report.bytes += bytes;
      show();
    },
    checkedBlob: () => report.blobs++,
    checkedRecord: (kind) => report.records[kind]++,
    progress(part, done) {
      now = { part, done };
      show();
    },
    found: (kind, finding) => addFinding(report, kind, finding),
  };
}
