import { createRequire } from 'node:module';
import type * as envalid from 'envalid';

// By require(): an `import` of a CommonJS package loads a parser of such packages first, which takes longer than the package.
const loaded = createRequire(import.meta.url)('envalid') as typeof envalid;

export const { bool, cleanEnv, EnvError, makeValidator, str } = loaded;
