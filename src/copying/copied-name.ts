import type { AssetName } from '../core/asset-name.ts';
import type { Asset } from '../core/asset-store.ts';
import { CacheError } from '../core/cache-error.ts';
import { type Digest, digestText } from '../core/digest.ts';
import type { InstanceName } from '../core/instance-name.ts';
import type { ReferenceKey } from '../core/reference-key.ts';
import type { ActionResult } from '../gen/build/bazel/remote/execution/v2/remote_execution.ts';
import type { NamedRecord } from '../inventory/named-record.ts';
import type { WideReach } from '../store/reach.ts';
import { resultReach } from '../store/volume-action-cache.ts';
import { assetReach } from '../store/volume-asset-store.ts';

/** A name that can be copied. Values of HTTP clients cannot: their names are kept as hashes only, and no server can be told one by its hash. */
export type CopiedName =
  | Extract<NamedRecord, { kind: 'reference' | 'asset' }>
  | (Extract<NamedRecord, { kind: 'action' }> & {
      /** Of the Action message, where it was said: records do not have it, and requests do. */
      readonly sizeBytes?: number;
    });

/** What is found under a name, as it is written elsewhere. */
export type CopiedContent =
  | {
      readonly kind: 'reference';
      readonly instanceName: InstanceName;
      readonly key: ReferenceKey;
      readonly root: Digest;
    }
  | {
      readonly kind: 'asset';
      readonly instanceName: InstanceName;
      readonly name: AssetName;
      readonly asset: Asset;
    }
  | {
      readonly kind: 'action';
      readonly instanceName: InstanceName;
      readonly actionDigest: Digest;
      readonly result: ActionResult;
    };

/** All that has to be there for it to be of use. Throws 'invalid-argument' where it names something that is no digest. */
export function contentReach(content: CopiedContent): WideReach {
  if (content.kind === 'reference') {
    return { blobs: [], directories: [content.root], trees: [] };
  }
  if (content.kind === 'asset') {
    return assetReach(content.name.kind, content.asset);
  }
  const reach = resultReach(content.result, content.actionDigest.digestFunction);
  if (reach !== undefined) return reach;
  throw new CacheError(
    'invalid-argument',
    `the result of action ${digestText(content.actionDigest)} names something that is no digest`,
  );
}

/** The same under the name that it has in another instance. */
export function inInstance(content: CopiedContent, instanceName: InstanceName): CopiedContent {
  return content.kind === 'asset'
    ? { ...content, instanceName, name: { ...content.name, instanceName } }
    : { ...content, instanceName };
}
