import type { AssetKind, Qualifier } from '../core/asset-name.ts';
import type { InstanceName } from '../core/instance-name.ts';
import { findRecords, namesLike } from '../inventory/find-record.ts';
import {
  namedKinds,
  type NamedKind,
  type NamedRecord,
  parseNamedRecord,
  recordText,
} from '../inventory/named-record.ts';
import type { ListedRecord } from '../inventory/record-list.ts';
import { type Command, InvalidArgumentError, Option } from './commander.ts';
import { printable } from './figures.ts';
import { instanceOption, type VolumeWork } from './volume-command.ts';

/** What may be said beside a REF. */
export interface RefOptions {
  readonly kind?: NamedKind;
  readonly instance?: InstanceName;
  readonly assetKind?: AssetKind;
  readonly qualifier: readonly Qualifier[];
}

/** How a REF is written, for help texts. */
export const refSyntax =
  '[INSTANCE:]NAME, where NAME is a reference (project/element/key), the URI of an asset, or the hash of an action';

/** The options of commands that take a REF. */
export function withRefOptions(command: Command): Command {
  return command
    .addOption(
      new Option('--kind <kind>', 'what REF names, where its form does not tell').choices(namedKinds),
    )
    .option('--instance <name>', 'the instance; then all of REF is the name', instanceOption)
    .addOption(
      new Option('--asset-kind <kind>', 'of an asset, where there are two of one URI').choices([
        'blob',
        'directory',
      ]),
    )
    .option<readonly Qualifier[]>(
      '--qualifier <name=value>',
      'of an asset; may be given several times',
      addQualifier,
      [],
    );
}

/** The name that a REF gives. Throws 'invalid-argument' for what can be no name. */
export function namedBy(ref: string, options: RefOptions): NamedRecord {
  const { kind, instance, assetKind, qualifier } = options;
  return parseNamedRecord(ref, { kind, instanceName: instance, assetKind, qualifiers: qualifier });
}

/** The one record of a name; or undefined, when standard error says that there is none, and which names are like it. */
export async function findOrTell(
  { layout, signal, line }: VolumeWork,
  name: NamedRecord,
): Promise<ListedRecord | undefined> {
  const [found, other] = await findRecords(layout, name);
  if (other !== undefined)
    process.stderr.write(
      'weir: there is a blob and a directory of this URI; this is the blob, --asset-kind says which\n',
    );
  if (found !== undefined) return found;
  line.show(() => 'looking for names like it');
  const like = await namesLike(layout, name, signal);
  line.clear();
  const words = { reference: 'reference', asset: 'asset', action: 'result of an action', value: 'value' };
  const hint = like.map((text) => `  ${printable(text)}`);
  process.stderr.write(
    [
      `weir: no ${words[name.kind]} is called ${printable(recordText(name))} here`,
      ...(hint.length > 0 ? ['Did you mean', ...hint] : ['weir ls lists what there is']),
      '',
    ].join('\n'),
  );
  return undefined;
}

function addQualifier(text: string, before: readonly Qualifier[]): readonly Qualifier[] {
  const at = text.indexOf('=');
  if (at < 1) throw new InvalidArgumentError('Write it as NAME=VALUE.');
  return [...before, { name: text.slice(0, at), value: text.slice(at + 1) }];
}
