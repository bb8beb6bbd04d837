import { exitCodes } from './exit-codes.ts';

/**
 * Ends the process when nobody reads its output any more, for they may have enough: `weir ls | head`. With the exit code
 * that is set by then, as there is one of what was found out before it was told. Not for what works on without a reader.
 */
export function endWithoutReader(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    process.exit(error.code === 'EPIPE' ? (process.exitCode ?? exitCodes.success) : exitCodes.failure);
  });
}
