import { type Ended, startCommand } from './command.ts';

/** Runs `weir` with these arguments, on a volume. */
export async function weirOn(volume: string, ...args: string[]): Promise<Ended> {
  return await startCommand(args, { VOLUME: volume }).ended;
}

/** The lines of JSON that a command has printed. */
export function jsonLines({ out }: Ended): Record<string, unknown>[] {
  return out
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}
