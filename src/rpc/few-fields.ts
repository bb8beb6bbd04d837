import { actionResultFields, type CountedFields, expectFewFields } from '../core/message-fields.ts';

/** As much of a service's definition as this file needs. */
interface Definition {
  readonly methods: Record<string, { readonly requestType: RequestType }>;
}

interface RequestType {
  decode(bytes: Uint8Array): unknown;
}

/** Where an UpdateActionResultRequest has lists: in the result within it. */
export const actionCacheFields: CountedFields = { 3: actionResultFields };

/**
 * The same service, whose requests are counted before they are decoded; one of too many fields is INVALID_ARGUMENT, as is all
 * that cannot be decoded. `within` says where a request has lists that are not its own.
 */
export function withFewFields<D extends Definition>(definition: D, within: CountedFields = {}): D {
  const methods = Object.entries(definition.methods).map(([name, method]) => {
    const { requestType } = method;
    const decode = (bytes: Uint8Array) => {
      expectFewFields(bytes, within);
      return requestType.decode(bytes);
    };
    return [name, { ...method, requestType: { ...requestType, decode } }] as const;
  });
  return { ...definition, methods: Object.fromEntries(methods) };
}
