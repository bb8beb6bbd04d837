import { relative } from 'node:path';
import { instantOf } from '../core/instant.ts';
import type { Layout } from '../store/layout.ts';
import { elsewhere } from '../store/elsewhere.ts';
import { type FoundPin, pinsOn } from '../store/pins.ts';
import { lookAtRecord, untouchedReaches } from '../store/record-look.ts';
import { exitCodes } from './exit-codes.ts';
import { printable, spanText } from './figures.ts';
import type { VolumeWork } from './volume-command.ts';

/** How a list of pins is printed. */
export interface PinListOptions {
  readonly indexOnly: boolean;
  readonly json: boolean;
}

interface PinState {
  readonly state: string;
  readonly detail?: string | undefined;
}

/** Lists pins, by name, with whether all that they reach is here. Nothing is leased or touched. A pin is some kB of memory. */
export async function listPins(work: VolumeWork, { indexOnly, json }: PinListOptions): Promise<number> {
  const { layout, signal, line, print } = work;
  const reaches = indexOnly ? elsewhere : untouchedReaches(layout, () => false);
  const found: FoundPin[] = [];
  for await (const pin of pinsOn(layout)) found.push(pin);
  const sortName = ({ path, pin }: FoundPin) => pin?.name ?? path;
  found.sort((one, other) => (sortName(one) < sortName(other) ? -1 : 1));
  for (const [index, one] of found.entries()) {
    line.show(() => `looked at ${index} of ${found.length} pins`);
    const state = await stateOf(one);
    await print(json ? `${JSON.stringify(jsonOf(layout, one, state))}\n` : textOf(layout, one, state));
  }
  return exitCodes.success;

  async function stateOf({ pin }: FoundPin): Promise<PinState> {
    if (pin === undefined) return { state: 'unreadable', detail: 'the file is no pin, or cannot be read' };
    const root = layout.recordRoots.find((candidate) => pin.recordPath.startsWith(`${candidate}/`)) ?? '';
    const now = instantOf(Date.now());
    const look = await lookAtRecord(layout, reaches, root, pin.recordPath, now, signal);
    return look ?? { state: 'absent', detail: 'there is no record of this name' };
  }
}

function textOf(layout: Layout, { path, pin }: FoundPin, { state, detail }: PinState): string {
  const cells = [
    state.padEnd(10),
    (pin === undefined ? '' : spanText(Date.now() - pin.pinnedAtMs)).padStart(7),
    printable(pin?.name ?? relative(layout.root, path)),
    ...(pin === undefined || pin.note === '' ? [] : [`(${printable(pin.note)})`]),
  ];
  const why = state === 'whole' || detail === undefined ? '' : `    ${printable(detail)}\n`;
  return `${cells.join('  ')}\n${why}`;
}

function jsonOf(layout: Layout, { path, pin }: FoundPin, state: PinState): Record<string, unknown> {
  const { state: isWhole, detail } = state;
  if (pin === undefined) return { file: relative(layout.root, path), state: isWhole, detail };
  const { name, note, pinnedAtMs } = pin;
  return { ref: name, note, pinnedAt: new Date(pinnedAtMs).toISOString(), state: isWhole, detail };
}
