import { createRequire } from 'node:module';
import type * as common from 'nice-grpc-common';

// By require(): an `import` of a CommonJS package loads a parser of such packages first, which takes longer than the package.
const loaded = createRequire(import.meta.url)('nice-grpc-common') as typeof common;

export const { ServerError, Status } = loaded;
export type ServerError = common.ServerError;
export type Status = common.Status;
