import {
  type CapabilitiesDefinition,
  Compressor_Value,
  SymlinkAbsolutePathStrategy_Value,
} from '../gen/build/bazel/remote/execution/v2/remote_execution.ts';
import { digestFunctions, digestFunctionValue } from '../core/digest-function.ts';
import { fastCdcParams, repMaxCdcParams } from '../core/chunking-function.ts';
import { parseInstanceName } from '../core/instance-name.ts';
import { mayPush } from '../core/push-permissions.ts';
import type { Handlers } from '../grpc/service.ts';
import type { CallContext } from './call-context.ts';
import { maxBatchBytes } from './limits.ts';

/**
 * build.bazel.remote.execution.v2.Capabilities: the truth about the listener that is asked. `indexOnly`: there is
 * no action cache.
 */
export function capabilitiesService(indexOnly: boolean): Handlers<CapabilitiesDefinition, CallContext> {
  return {
    getCapabilities(request, { caller }) {
      const instanceName = parseInstanceName(request.instanceName);
      const mayUpdate = caller.role === 'push' && mayPush(caller.scopes, instanceName, '@actions');
      return Promise.resolve({
        cacheCapabilities: {
          digestFunctions: digestFunctions.map(digestFunctionValue),
          actionCacheUpdateCapabilities: { updateEnabled: mayUpdate && !indexOnly },
          maxBatchTotalSizeBytes: BigInt(maxBatchBytes),
          symlinkAbsolutePathStrategy: SymlinkAbsolutePathStrategy_Value.ALLOWED,
          supportedCompressors: [Compressor_Value.ZSTD],
          supportedBatchUpdateCompressors: [Compressor_Value.ZSTD],
          maxCasBlobSizeBytes: 0n,
          splitBlobSupport: true,
          spliceBlobSupport: caller.role === 'push',
          fastCdc2020Params: {
            avgChunkSizeBytes: BigInt(fastCdcParams.avgChunkSizeBytes),
            seed: fastCdcParams.seed,
          },
          repMaxCdcParams: {
            minChunkSizeBytes: BigInt(repMaxCdcParams.minChunkSizeBytes),
            horizonSizeBytes: BigInt(repMaxCdcParams.horizonSizeBytes),
          },
        },
        deprecatedApiVersion: version(2, 0),
        lowApiVersion: version(2, 0),
        highApiVersion: version(2, 3),
      });
    },
  };
}

function version(major: number, minor: number) {
  return { major, minor, patch: 0, prerelease: '' };
}
