import { ServerReflection, ServerReflectionService } from 'nice-grpc-server-reflection';
import { descriptorSet } from '../gen/descriptor-set.ts';
import type { Method } from '../grpc/service.ts';
import { expectFieldsWithin } from './field-bounds.ts';

/** Of a ServerReflectionRequest, the field that is a message. */
const fileContainingExtension = 5;

/** grpc.reflection.v1.ServerReflection about these services, by their full names. */
export function reflectionMethods<Context>(services: readonly string[]): Method<Context>[] {
  const { serverReflectionInfo } = ServerReflection(descriptorSet(), [...services]);
  const { path, requestDeserialize, responseSerialize } = ServerReflectionService.serverReflectionInfo;
  const [, service = '', name = ''] = path.split('/');
  type Request = Parameters<typeof serverReflectionInfo>[0];
  return [
    {
      path,
      service,
      name,
      definition: {
        name,
        requestType: {
          decode(bytes: Uint8Array) {
            expectFieldsWithin(bytes, [fileContainingExtension]);
            return requestDeserialize(Buffer.from(bytes));
          },
          encode: () => ({ finish: () => new Uint8Array() }),
        },
        requestStream: true,
        responseType: {
          decode: () => undefined,
          encode: (message: Parameters<typeof responseSerialize>[0]) => ({
            finish: () => responseSerialize(message),
          }),
        },
        responseStream: true,
      },
      handler: (requests, context) => serverReflectionInfo(requests as Request, context as never),
    },
  ];
}
