import type { BlobName } from '../core/digest.ts';
import { blobFiles } from './blob-files.ts';
import { type FileCalls, fileCallsFor } from './file-calls.ts';
import { blobPrefixes, type Layout } from './layout.ts';
import { lookAtBlob } from './quarantine.ts';

/** What a part of a pass over all blobs did. */
export interface ScrubSlice {
  /** Bytes that were read. */
  readonly bytes: number;
  /** What that counts for at the rate: the bytes, and something for each file and folder. */
  readonly charge: number;
  /** Blobs whose bytes were seen whole. */
  readonly blobs: number;
  readonly quarantined: readonly BlobName[];
  /** Of those that could not be read, the first, and how many there are. */
  readonly unreadable: number;
  readonly firstUnreadable: string | undefined;
  /** Of the 256 folders, so many are done; at 256 the pass is over. */
  readonly prefix: number;
}

/** A pass that stops and goes on where it was, in the middle of a blob too. */
export interface ScrubPass {
  /** Goes on until so much was charged, or the pass is over. */
  slice(charge: number): Promise<ScrubSlice>;
  /** Closes the file that is open. */
  end(): Promise<void>;
}

interface Step {
  readonly prefix: number;
  readonly bytes?: number;
  readonly looked?: boolean;
  readonly quarantined?: BlobName;
  readonly unreadable?: string;
}

/** Opening a file costs the processor as much as reading so many bytes, and a disk that seeks much more. */
const fileCharge = 16 * 1024;

/** Reads all blobs from one of the 256 folders on, and sets aside those whose bytes are wrong. */
export function scrubPass(layout: Layout, firstPrefix: number): ScrubPass {
  const steps = stepsFrom(layout, firstPrefix);
  let prefix = firstPrefix;
  return {
    async slice(charge) {
      const done = { bytes: 0, charge: 0, blobs: 0, unreadable: 0 };
      const quarantined: BlobName[] = [];
      let firstUnreadable: string | undefined;
      while (done.charge < charge) {
        const { value: step } = await steps.next();
        if (step === undefined) {
          prefix = blobPrefixes.length;
          break;
        }
        prefix = step.prefix;
        done.bytes += step.bytes ?? 0;
        done.charge += step.bytes ?? fileCharge;
        if (step.looked === true) done.blobs++;
        if (step.quarantined !== undefined) quarantined.push(step.quarantined);
        if (step.unreadable === undefined) continue;
        done.unreadable++;
        firstUnreadable ??= step.unreadable;
      }
      return { ...done, quarantined, firstUnreadable, prefix };
    },
    async end() {
      await steps.return(undefined);
    },
  };
}

async function* stepsFrom(layout: Layout, firstPrefix: number): AsyncGenerator<Step, undefined> {
  const calls = await fileCallsFor(layout.root);
  for (let prefix = firstPrefix; prefix < blobPrefixes.length; prefix++) {
    yield { prefix };
    try {
      for await (const { name } of blobFiles(layout, blobPrefixes[prefix] ?? '')) {
        if (name !== undefined) yield* stepsOf(layout, calls, name, prefix);
      }
    } catch (error) {
      yield { prefix, unreadable: `a folder: ${String(error)}` };
    }
  }
  return undefined;
}

async function* stepsOf(
  layout: Layout,
  calls: FileCalls,
  name: BlobName,
  prefix: number,
): AsyncGenerator<Step> {
  const look = lookAtBlob(layout, name, true, calls);
  try {
    for (;;) {
      const piece = await look.next();
      if (piece.done !== true) {
        yield { prefix, bytes: piece.value };
        continue;
      }
      if (piece.value === 'absent') return;
      yield { prefix, looked: true, ...(piece.value === 'quarantined' && { quarantined: name }) };
      return;
    }
  } catch (error) {
    yield { prefix, unreadable: `${name}: ${String(error)}` };
  } finally {
    await look.return('absent');
  }
}
