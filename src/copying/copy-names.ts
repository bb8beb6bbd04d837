import { CacheError } from '../core/cache-error.ts';
import type { InstanceName } from '../core/instance-name.ts';
import { blobTransfer, type TransferObserver } from './blob-transfer.ts';
import { contentReach, type CopiedContent, type CopiedName, inInstance } from './copied-name.ts';
import { type CopySource, type CopyTarget, NotWholeError } from './copy-ends.ts';
import { reachedGroups } from './reached-groups.ts';

/** What became of a name. `present`: the target had it already; `skipped`: it is not at the source, or not whole there. */
export type CopyOutcome = 'copied' | 'present' | 'skipped' | 'failed';

/** What a copy tells while it goes on. */
export interface CopyObserver extends TransferObserver {
  /** A name is done with; `why` for those that were not copied. */
  ended(name: string, outcome: CopyOutcome, why?: string): void;
}

/** A name to copy, as people write it; without `name` where it is none, for the reason that is given. */
export type WantedName =
  | { readonly text: string; readonly name: CopiedName }
  | { readonly text: string; readonly name?: undefined; readonly why: string };

/** How to copy. */
export interface CopyOptions {
  /** Names, and transfers of all of them together, that are under way at once. */
  readonly jobs: number;
  /** Nothing is sent or written. */
  readonly dryRun: boolean;
  /** Where names go; undefined leaves each in its instance. */
  readonly instanceTo: InstanceName | undefined;
}

/** So many names fail one after the other before the rest is not tried any more: it is not the names. */
const mostFailuresInARow = 20;
/** What the target has can go while a large tree is copied; then it is asked again. */
const mostTries = 3;

/**
 * Copies names with all that they lead to, each name last. Rejects when the rest would fail as well: an end does not answer or
 * does not let us in, or many names have failed in a row; and with the signal's reason when that is aborted. Names that are
 * under way then are not ended; what was sent of them need not be sent again.
 */
export async function copyNames(
  names: (signal: AbortSignal) => AsyncIterable<WantedName>,
  source: CopySource,
  target: CopyTarget,
  options: CopyOptions,
  observer: CopyObserver,
  signal: AbortSignal,
): Promise<void> {
  const { jobs, dryRun, instanceTo } = options;
  const giveUp = new AbortController();
  const stopped = AbortSignal.any([signal, giveUp.signal]);
  const transfer = blobTransfer(source, target, { jobs, dryRun }, observer);
  let failuresInARow = 0;

  async function copyContent(found: CopiedContent): Promise<'copied' | 'present'> {
    const content = instanceTo === undefined ? found : inInstance(found, instanceTo);
    if (await target.has(content, stopped)) return 'present';
    for (let tries = 1; ; tries++) {
      const { instanceName } = found;
      const between = { from: instanceName, to: content.instanceName };
      for await (const group of reachedGroups(source, instanceName, contentReach(found), stopped))
        await transfer.bring(between, group, stopped);
      try {
        if (!dryRun) await target.write(content, stopped);
        return 'copied';
      } catch (error) {
        if (!isKind(error, 'failed-precondition') || tries === mostTries) throw error;
        transfer.forget();
      }
    }
  }

  async function copyOne(name: CopiedName): Promise<{ outcome: CopyOutcome; why?: string }> {
    try {
      const contents = await source.contents(name, stopped);
      if (contents.length === 0)
        return { outcome: 'skipped', why: 'it is not at the source, or not whole there' };
      const outcomes = [];
      for (const content of contents) outcomes.push(await copyContent(content));
      return { outcome: outcomes.includes('copied') ? 'copied' : 'present' };
    } catch (error) {
      stopped.throwIfAborted();
      if (error instanceof NotWholeError) return { outcome: 'skipped', why: error.message };
      if (!(error instanceof CacheError)) throw error;
      if (error.kind === 'unauthenticated' || error.kind === 'unavailable') throw error;
      return { outcome: 'failed', why: error.message };
    }
  }

  async function copyNext(wanted: WantedName): Promise<void> {
    const { outcome, why } =
      wanted.name === undefined
        ? { outcome: 'failed' as const, why: wanted.why }
        : await copyOne(wanted.name);
    observer.ended(wanted.text, outcome, why);
    failuresInARow = outcome === 'failed' ? failuresInARow + 1 : 0;
    if (failuresInARow >= mostFailuresInARow)
      throw new CacheError('aborted', `${mostFailuresInARow} names in a row failed, the last because ${why}`);
  }

  const rest = names(stopped)[Symbol.asyncIterator]();
  async function worker(): Promise<void> {
    try {
      while (!stopped.aborted) {
        const { done, value } = await rest.next();
        if (done === true) return;
        await copyNext(value);
      }
    } catch (error) {
      giveUp.abort(error);
      throw error;
    }
  }
  const ended = await Promise.allSettled(Array.from({ length: jobs }, worker));
  await rest.return?.();
  signal.throwIfAborted();
  // The first is why the others were stopped.
  if (giveUp.signal.aborted) throw giveUp.signal.reason as Error;
  for (const result of ended) if (result.status === 'rejected') throw result.reason;
}

function isKind(error: unknown, kind: CacheError['kind']): boolean {
  return error instanceof CacheError && error.kind === kind;
}
