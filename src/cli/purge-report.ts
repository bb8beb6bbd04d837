import { namedKinds, type NamedKind, recordText } from '../inventory/named-record.ts';
import type { ListedRecord } from '../inventory/record-list.ts';
import type { Removal } from '../store/record-removal.ts';
import { countOf, countText, printable } from './figures.ts';

/** What became of a record that was meant; of a dry run, what would. */
export type PurgeOutcome = Removal | 'pinned' | { readonly failed: string };

/** What a purge has done so far. */
export interface Purge {
  /** False where it was stopped before it had seen everything. */
  whole: boolean;
  /** Removed, or to be removed. */
  count: number;
  /** Pinned ones, which stay. */
  pinned: number;
  /** Used, or written anew, while we looked; they stay. */
  kept: number;
  failed: number;
  readonly byKind: Record<NamedKind, number>;
  readonly first: string[];
  readonly firstFailures: string[];
  note(record: ListedRecord, outcome: PurgeOutcome): void;
}

const mostNamed = 20;
const mostFailures = 5;

export function emptyPurge(): Purge {
  return {
    whole: false,
    count: 0,
    pinned: 0,
    kept: 0,
    failed: 0,
    byKind: Object.fromEntries(namedKinds.map((kind) => [kind, 0])) as Record<NamedKind, number>,
    first: [],
    firstFailures: [],
    note({ kind, name }, outcome) {
      const text = name === undefined ? '' : recordText(name);
      if (typeof outcome === 'object') {
        this.failed++;
        if (this.firstFailures.length < mostFailures) this.firstFailures.push(`${text}: ${outcome.failed}`);
      } else if (outcome === 'pinned' || outcome === 'kept') this[outcome]++;
      else if (outcome === 'removed') {
        this.count++;
        if (kind !== 'chunking') this.byKind[kind]++;
        if (this.first.length < mostNamed) this.first.push(text);
      }
    },
  };
}

/** For scripts, of one record. */
export function lineOf(record: ListedRecord, outcome: PurgeOutcome, yes: boolean): Record<string, unknown> {
  const { name, usedAtMs } = record;
  const failed = typeof outcome === 'object';
  const state = failed ? 'failed' : outcome === 'removed' && !yes ? 'would-remove' : outcome;
  return {
    ref: name && recordText(name),
    ...name,
    usedAt: new Date(usedAtMs).toISOString(),
    state,
    ...(failed && { error: outcome.failed }),
  };
}

/** For scripts, of the whole. */
export function summaryOf(purge: Purge, yes: boolean): Record<string, unknown> {
  const { whole, count, byKind, pinned, kept, failed } = purge;
  return { summary: { dryRun: !yes, whole, count, byKind, pinned, kept, failed } };
}

/** For people. */
export function summaryText(purge: Purge, yes: boolean): string {
  const { whole, count, first, pinned, kept, failed, firstFailures } = purge;
  const lines = [
    `${yes ? 'removed' : 'would remove'} ${kindsText(purge)}`,
    ...first.map((name) => `  ${printable(name)}`),
    ...(count > first.length ? [`  … and ${countText(count - first.length)} more`] : []),
  ];
  if (pinned > 0)
    lines.push(
      `${countOf(pinned, 'pinned name')} among them ${pinned === 1 ? 'stays' : 'stay'} (--pinned takes those too)`,
    );
  if (kept > 0) lines.push(`${countOf(kept, 'name')} came into use meanwhile and stayed`);
  if (failed > 0)
    lines.push(
      `${countOf(failed, 'name')} could not be removed`,
      ...firstFailures.map((text) => `  ${printable(text)}`),
    );
  if (!whole) lines.push('It was stopped before the end: this is what was seen so far.');
  if (!yes) lines.push(count > 0 ? 'Nothing was changed: --yes removes them.' : 'Nothing was changed.');
  return `${lines.join('\n')}\n`;
}

function kindsText({ count, byKind }: Purge): string {
  if (count === 0) return 'nothing';
  const words = { reference: 'reference', asset: 'asset', action: 'action result', value: 'value' };
  return namedKinds
    .filter((kind) => byKind[kind] > 0)
    .map((kind) => countOf(byKind[kind], words[kind]))
    .join(', ');
}
