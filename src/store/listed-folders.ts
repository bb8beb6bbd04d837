import type { PackedDigests } from '../core/packed-digests.ts';
import type { FileCalls, FolderState, OpenFolder } from './file-calls.ts';
import { type Layout, blobPrefixes } from './layout.ts';
import { hashWords } from './packed-hash.ts';

/**
 * Which names the folders of SHA-256's blobs have, as far as they were listed: whoever asks for many blobs that are not
 * here is told so by one look at each folder, in place of one for each blob. A folder's ctime changes with every name that
 * comes or goes, whoever does it, so a list is good for as long as that stays as it is.
 */
export interface ListedFolders {
  /** Whether there is anything to tell them by. */
  mayTell(digests: PackedDigests): boolean;
  /** Parts rows, in their order, into those that certainly have no file in their place now, and all others. */
  parted(digests: PackedDigests, rows: readonly number[]): Promise<PartedRows>;
  /** Of rows that were looked at, those that had no file: folders that many are sought in for nothing are listed. */
  soughtForNothing(digests: PackedDigests, rows: readonly number[]): void;
}

export interface PartedRows {
  readonly absent: readonly number[];
  readonly others: readonly number[];
}

interface ListedFolder {
  readonly folder: OpenFolder;
  /** Of before it was listed. */
  readonly state: FolderState;
  /** A set of its names, one bit for each. What has none is not there; what has one may be another name. */
  readonly bits: Uint32Array;
}

/** The times of files are told in steps of up to a second: what came in the same step as the last change would not be seen. */
const settledMs = 1100;
/** Listing a name takes a third of the time of a look that finds nothing; and then there is the folder. */
const [looksForName, looksForFolder] = [1 / 4, 16];
/** What a name takes of its folder's size. Bytes. */
const bytesOfName = 80;
/** Of 32 names that are not there, one looks as if it might be. */
const bitsForName = 32;
/** For all sets together: those of four million blobs. Bytes. */
const mostBytes = 16 * 1024 * 1024;
/** Three bytes of the hash say which bit, those behind the one that names the folder. */
const [fewestBits, mostBits] = [1024, 2 ** 24];

export function listedFolders(
  calls: Pick<FileCalls, 'folderState' | 'openFolder' | 'names'>,
  { objects }: Pick<Layout, 'objects'>,
  now: () => number = Date.now,
): ListedFolders {
  const listed: (ListedFolder | undefined)[] = blobPrefixes.map(() => undefined);
  /** Looks for nothing since each was listed last, and with how many it is worth a try to list it. */
  const looks = new Float64Array(blobPrefixes.length);
  const enough = new Float64Array(blobPrefixes.length).fill(looksForFolder);
  const due = new Set<number>();
  /** The folder that all of these are in: where it is another one, or has others in it, what is open is somewhere else. */
  let above: FolderState | undefined;
  let takenBytes = 0;
  let listing = false;

  async function parted(digests: PackedDigests, rows: readonly number[]): Promise<PartedRows> {
    if (!isSame(above, await calls.folderState(objects))) {
      for (const folder of listed.keys()) forget(folder);
      return { absent: [], others: rows };
    }
    const bytes = bytesOf(digests);
    const looked = new Uint8Array(blobPrefixes.length);
    const [absent, others]: [number[], number[]] = [[], []];
    for (const row of rows) {
      const at = row * hashWords * 4;
      const folder = bytes[at] ?? 0;
      if (looked[folder] === 0) {
        looked[folder] = 1;
        const known = listed[folder];
        if (known !== undefined && !isSame(known.state, known.folder.state())) forget(folder);
      }
      const bits = listed[folder]?.bits;
      if (bits === undefined || mayHave(bits, bytes, at)) others.push(row);
      else absent.push(row);
    }
    return { absent, others };
  }

  function forget(folder: number): void {
    const known = listed[folder];
    if (known === undefined) return;
    listed[folder] = undefined;
    [looks[folder], enough[folder]] = [0, looksForFolder];
    takenBytes -= known.bits.byteLength;
    known.folder.close();
  }

  function soughtForNothing(digests: PackedDigests, rows: readonly number[]): void {
    if (digests.digestFunction !== 'sha256') return;
    const bytes = bytesOf(digests);
    for (const row of rows) {
      const folder = bytes[row * hashWords * 4] ?? 0;
      if (listed[folder] !== undefined) continue;
      looks[folder] = (looks[folder] ?? 0) + 1;
      if ((looks[folder] ?? 0) >= (enough[folder] ?? 0)) due.add(folder);
    }
    if (due.size === 0 || listing) return;
    listing = true;
    setImmediate(() => void listAll());
  }

  /** One folder in each turn of the event loop; nobody waits for it. */
  async function listAll(): Promise<void> {
    for (const folder of due) {
      due.delete(folder);
      // What cannot be listed is looked for blob by blob.
      await list(folder).catch(() => {});
      await new Promise((resolve) => setImmediate(resolve));
    }
    listing = false;
  }

  async function list(index: number): Promise<void> {
    // Unless it is listed now, after as many more.
    enough[index] = (looks[index] ?? 0) + looksForFolder;
    const path = `${objects}/${blobPrefixes[index] ?? ''}`;
    const folder = await calls.openFolder(path);
    if (folder === undefined) return;
    try {
      listed[index] = await listOf(index, path, folder);
      takenBytes += listed[index]?.bits.byteLength ?? 0;
    } finally {
      if (listed[index] === undefined) folder.close();
    }
  }

  async function listOf(index: number, path: string, folder: OpenFolder): Promise<ListedFolder | undefined> {
    if (takenBytes === 0) above = await calls.folderState(objects);
    const state = folder.state();
    if (!isSettled(above) || !isSettled(state)) return undefined;
    // As much is done without the list first as it costs.
    const worth = looksForFolder + (state.size / bytesOfName) * looksForName;
    if ((looks[index] ?? 0) < worth) {
      enough[index] = worth;
      return undefined;
    }
    const bits = bitsOf(await calls.names(path));
    if (takenBytes + bits.byteLength <= mostBytes) return { folder, state, bits };
    enough[index] = (looks[index] ?? 0) + worth;
    return undefined;
  }

  function isSettled(state: FolderState | undefined): boolean {
    return state !== undefined && now() - state.ctimeMs >= settledMs;
  }

  return {
    mayTell: ({ digestFunction }) => takenBytes > 0 && digestFunction === 'sha256',
    parted,
    soughtForNothing,
  };
}

function bytesOf({ hashes }: PackedDigests): Uint8Array {
  return new Uint8Array(hashes.buffer, hashes.byteOffset, hashes.byteLength);
}

function bitsOf(names: readonly string[]): Uint32Array {
  const wanted = Math.max(fewestBits, Math.min(mostBits, names.length * bitsForName));
  const count = 2 ** Math.ceil(Math.log2(wanted));
  const bits = new Uint32Array(count / 32);
  for (const name of names) setBit(bits, Number.parseInt(name.slice(0, 6), 16) & (count - 1));
  return bits;
}

function setBit(bits: Uint32Array, place: number): void {
  bits[place >>> 5] = (bits[place >>> 5] ?? 0) | (1 << (place & 31));
}

/** Whether there may be a name that begins with these bytes, behind the first. */
function mayHave(bits: Uint32Array, bytes: Uint8Array, at: number): boolean {
  const digits = ((bytes[at + 1] ?? 0) << 16) | ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0);
  const place = digits & (bits.length * 32 - 1);
  return ((bits[place >>> 5] ?? 0) & (1 << (place & 31))) !== 0;
}

function isSame(then: FolderState | undefined, now: FolderState | undefined): boolean {
  return then !== undefined && then.ino === now?.ino && then.ctimeMs === now.ctimeMs;
}
