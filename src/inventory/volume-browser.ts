import type { BlobReading } from '../core/blob-store.ts';
import { type Browser, entriesPerPage, type RecordView, type ReferenceEntry } from '../core/browsing.ts';
import type { Digest } from '../core/digest.ts';
import { parseInstanceName } from '../core/instance-name.ts';
import { parseReferenceKey } from '../core/reference-key.ts';
import { instanceOfFolder, type Layout } from '../store/layout.ts';
import { folderPage } from '../store/sorted-files.ts';
import { findRecords } from './find-record.ts';
import { parseNamedRecord, recordText } from './named-record.ts';
import { partsOf, type RecordPart } from './record-parts.ts';
import { treePlaces } from './tree-places.ts';

/** So many instances are listed. */
const mostInstances = 200;

/** Looks around on a volume for the status page; `read` gives the bytes of a blob without leasing it. */
export function volumeBrowser(layout: Layout, read: (digest: Digest) => Promise<BlobReading>): Browser {
  const places = treePlaces(layout);
  return {
    read,
    async instances() {
      const { entries } = await folderPage(layout.instanceReferences, '', mostInstances);
      const names = entries.map(({ name }) => instanceOfFolder(name)).filter((name) => name !== undefined);
      return ['', ...names];
    },
    async references(instance, folder, after, signal) {
      const instanceName = parseInstanceName(instance);
      const path =
        folder === ''
          ? layout.referencesOf(instanceName)
          : layout.reference(instanceName, parseReferenceKey(folder));
      const { entries, more } = await folderPage(path, after, entriesPerPage);
      signal.throwIfAborted();
      const next = more ? entries.at(-1)?.name : undefined;
      const shown = entries.filter(({ name }) => canBeKey(folder, name)).map(referenceEntry);
      return entries.length === 0 && folder !== '' && after === '' ? undefined : { entries: shown, next };
    },
    async record(name, path, after, signal) {
      const found = await lookedUp(layout, name);
      return found && (await places.at(found.record, found.parts, path, after, signal));
    },
  };
}

function referenceEntry({
  name,
  stats,
}: {
  name: string;
  stats: { mtimeMs: number } | undefined;
}): ReferenceEntry {
  return { name, type: stats === undefined ? 'folder' : 'reference', usedAtMs: stats?.mtimeMs };
}

/** What else may lie in such a folder is nobody's reference. */
function canBeKey(folder: string, name: string): boolean {
  try {
    parseReferenceKey(folder === '' ? name : `${folder}/${name}`);
    return true;
  } catch {
    return false;
  }
}

/** An asset's name may have a blob and a directory: they are shown as one. */
async function lookedUp(
  layout: Layout,
  text: string,
): Promise<{ record: RecordView; parts: readonly RecordPart[] } | undefined> {
  const named = parseNamedRecord(text);
  const records = await findRecords(layout, named);
  const [first] = records;
  if (first === undefined || first.kind === 'chunking') return undefined;
  const parts: RecordPart[] = [];
  let state: RecordView['state'] = 'readable';
  for (const record of records) {
    const contents = await partsOf(layout, record);
    if (contents.state === 'absent') continue;
    if (contents.state !== 'readable') state = contents.state;
    parts.push(...contents.parts);
  }
  const name = recordText(first.name ?? named);
  return { record: { name, kind: first.kind, usedAtMs: first.usedAtMs, state }, parts };
}
