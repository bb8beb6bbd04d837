import { Option } from './commander.ts';
import { exitCodes } from './exit-codes.ts';

/** `--dir`: the certificates' folder. */
export function folderOption(): Option {
  return new Option('--dir <folder>', 'the certificates’ folder').default('certs').env('CERTS_DIR');
}

/** Says what went wrong, and ends with the code for that. */
export function fail(error: unknown): void {
  console.error(`error: ${messageOf(error)}`);
  process.exitCode = exitCodes.failure;
}

/** For people. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
