import { digestText } from '../core/digest.ts';
import { blobName, type BlobName, type Digest } from '../core/digest.ts';
import type { Layout } from '../store/layout.ts';
import { seenDigests } from './digest-table.ts';
import { type DirectoryReader, treeContents, volumeDirectories } from './directory-reader.ts';
import { directoriesUpwards } from './reached-blobs.ts';
import { type ListedRecord, listRecords } from './record-list.ts';
import { partsOf, type RecordPart } from './record-parts.ts';

/** A record that leads to a blob. */
export interface LeadingRecord {
  readonly record: ListedRecord;
  /** One of perhaps many places of the blob below the record. */
  readonly path: string;
  /** The digest that is there: it may say another size than the blob has. */
  readonly digest: Digest;
}

/** What a search has done so far. */
export interface SearchProgress {
  readonly records: number;
  readonly directories: number;
}

/**
 * The records that lead to a blob, of all on the volume. Each directory is read once, however many records share it, and costs 24 bytes
 * of memory. Nothing is leased or touched. What cannot be walked is passed over.
 */
export async function* recordsLeadingTo(
  layout: Layout,
  wanted: BlobName,
  signal: AbortSignal,
  onProgress: (progress: SearchProgress) => void = () => {},
): AsyncGenerator<LeadingRecord> {
  const walked = seenDigests();
  /** Directories below which the blob is. */
  const leading = new Set<string>();
  const stored = { reader: volumeDirectories(layout), leading };
  let records = 0;
  for await (const record of listRecords(layout, {}, signal)) {
    records++;
    onProgress({ records, directories: walked.size });
    for (const part of (await partsOf(layout, record)).parts) {
      const found = await placeBelow(part);
      if (found === undefined) continue;
      yield { record, ...found };
      break;
    }
  }

  async function placeBelow(part: RecordPart): Promise<Found | undefined> {
    if (blobName(part.digest) === wanted) return { path: part.path, digest: part.digest };
    if (part.type === 'file') return undefined;
    if (part.type === 'directory') {
      await markLeading(stored.reader, part.digest, walked, leading);
      return await descend(stored, part.digest, part.path);
    }
    const tree = await treeContents(layout, part.digest);
    if (tree.reader === undefined) return undefined;
    const inTree = { reader: tree.reader, leading: new Set<string>() };
    await markLeading(tree.reader, tree.root, seenDigests(), inTree.leading);
    return await descend(inTree, tree.root, part.path);
  }

  async function markLeading(
    reader: DirectoryReader,
    root: Digest,
    seen: ReturnType<typeof seenDigests>,
    into: Set<string>,
  ): Promise<void> {
    const place = { parent: undefined, name: '' };
    for await (const { digest, look } of directoriesUpwards(reader, { digest: root, place }, seen, signal)) {
      const { files = [], directories = [] } = look.entries ?? {};
      const leads =
        files.some((file) => blobName(file.digest) === wanted) ||
        directories.some((child) => blobName(child.digest) === wanted || into.has(digestText(child.digest)));
      if (leads) into.add(digestText(digest));
      onProgress({ records, directories: walked.size });
    }
  }

  /** Follows the marks down to the blob. */
  async function descend(
    { reader, leading: marks }: Marked,
    root: Digest,
    path: string,
  ): Promise<Found | undefined> {
    let at = { digest: root, path };
    while (marks.has(digestText(at.digest))) {
      const { entries } = await reader.read(at.digest);
      const below = (name: string) => (at.path === '' ? name : `${at.path}/${name}`);
      const entry = [...(entries?.files ?? []), ...(entries?.directories ?? [])].find(
        ({ digest }) => blobName(digest) === wanted,
      );
      if (entry !== undefined) return { path: below(entry.name), digest: entry.digest };
      const next = entries?.directories.find(({ digest }) => marks.has(digestText(digest)));
      // It went while it was looked at.
      if (next === undefined) return undefined;
      at = { digest: next.digest, path: below(next.name) };
    }
    return undefined;
  }
}

interface Found {
  readonly path: string;
  readonly digest: Digest;
}

interface Marked {
  readonly reader: DirectoryReader;
  readonly leading: ReadonlySet<string>;
}
