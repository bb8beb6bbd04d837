// Run by scripts/test.mjs before the tests: gets the real parts that they need.
import { installRealParts } from './real-parts.ts';

installRealParts((line) => console.error(`test set-up: ${line}`));
