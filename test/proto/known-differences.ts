// Where our definitions may differ from those inside BuildStream 1.6, which follow an older revision of
// the Remote Execution API.

const reapi = 'build.bazel.remote.execution.v2';

/** What revisions 2.1 to 2.9 added, and what BuildStream carries no definition of (* for all below). */
export const onlyOurs: Record<string, string> = {
  [`${reapi}.NodeProperty*`]: '2.1 added node properties',
  [`${reapi}.NodeProperties*`]: '2.1 added node properties',
  [`${reapi}.Directory.node_properties`]: '2.1 added node properties',
  [`${reapi}.Directory#5`]: '2.1 added node properties',
  [`${reapi}.FileNode.node_properties`]: '2.1 added node properties',
  [`${reapi}.FileNode#6`]: '2.1 added node properties',
  [`${reapi}.SymlinkNode.node_properties`]: '2.1 added node properties',
  [`${reapi}.SymlinkNode#4`]: '2.1 added node properties',
  [`${reapi}.Compressor*`]: '2.1 added compressed streams, 2.2 compressed batches',
  [`${reapi}.BatchUpdateBlobsRequest.Request.compressor`]: '2.2 added compressed batches',
  [`${reapi}.BatchUpdateBlobsRequest.Request#3`]: '2.2 added compressed batches',
  [`${reapi}.BatchReadBlobsRequest.acceptable_compressors`]: '2.2 added compressed batches',
  [`${reapi}.BatchReadBlobsRequest#3`]: '2.2 added compressed batches',
  [`${reapi}.BatchReadBlobsResponse.Response.compressor`]: '2.2 added compressed batches',
  [`${reapi}.BatchReadBlobsResponse.Response#4`]: '2.2 added compressed batches',
  [`${reapi}.CacheCapabilities.supported_compressors`]: '2.1 added compressed streams',
  [`${reapi}.CacheCapabilities#6`]: '2.1 added compressed streams',
  [`${reapi}.CacheCapabilities.supported_batch_update_compressors`]: '2.2 added compressed batches',
  [`${reapi}.CacheCapabilities#7`]: '2.2 added compressed batches',
  [`${reapi}.CacheCapabilities.max_cas_blob_size_bytes`]: '2.3 added a limit for one blob',
  [`${reapi}.CacheCapabilities#8`]: '2.3 added a limit for one blob',
  [`${reapi}.FindMissingBlobsRequest.digest_function`]: '2.3 lets a request name its digest function',
  [`${reapi}.FindMissingBlobsRequest#3`]: '2.3 lets a request name its digest function',
  [`${reapi}.BatchUpdateBlobsRequest.digest_function`]: '2.3 lets a request name its digest function',
  [`${reapi}.BatchUpdateBlobsRequest#5`]: '2.3 lets a request name its digest function',
  [`${reapi}.BatchReadBlobsRequest.digest_function`]: '2.3 lets a request name its digest function',
  [`${reapi}.BatchReadBlobsRequest#4`]: '2.3 lets a request name its digest function',
  [`${reapi}.GetTreeRequest.digest_function`]: '2.3 lets a request name its digest function',
  [`${reapi}.GetTreeRequest#5`]: '2.3 lets a request name its digest function',
  [`${reapi}.RequestMetadata.action_mnemonic`]: '2.1 added what a build tool says about itself',
  [`${reapi}.RequestMetadata#5`]: '2.1 added what a build tool says about itself',
  [`${reapi}.RequestMetadata.target_id`]: '2.1 added what a build tool says about itself',
  [`${reapi}.RequestMetadata#6`]: '2.1 added what a build tool says about itself',
  [`${reapi}.RequestMetadata.configuration_id`]: '2.1 added what a build tool says about itself',
  [`${reapi}.RequestMetadata#7`]: '2.1 added what a build tool says about itself',
  [`${reapi}.DigestFunction.Value.VSO`]: 'digest functions added since 2.0',
  [`${reapi}.DigestFunction.Value.SHA384`]: 'digest functions added since 2.0',
  [`${reapi}.DigestFunction.Value.SHA512`]: 'digest functions added since 2.0',
  [`${reapi}.DigestFunction.Value.MURMUR3`]: 'digest functions added since 2.0',
  [`${reapi}.DigestFunction.Value.SHA256TREE`]: 'digest functions added since 2.0',
  [`${reapi}.DigestFunction.Value.BLAKE3`]: 'digest functions added since 2.0',
  [`${reapi}.DigestFunction.Value.GITSHA1`]: 'digest functions added since 2.0',
  [`${reapi}.DigestFunction`]: 'enums were moved into messages of their name',
  [`${reapi}.SymlinkAbsolutePathStrategy`]: 'enums were moved into messages of their name',
  'google.rpc.PreconditionFailure*': 'part of error_details.proto, which BuildStream does not carry',
};

/** The old name -> the name since. The numbers behind them are compared. */
export const renamed: Record<string, string> = {
  [`${reapi}.DigestFunction`]: `${reapi}.DigestFunction.Value`,
  [`${reapi}.CacheCapabilities.SymlinkAbsolutePathStrategy`]: `${reapi}.SymlinkAbsolutePathStrategy.Value`,
  [`${reapi}.CacheCapabilities.digest_function`]: `${reapi}.CacheCapabilities.digest_functions`,
};
