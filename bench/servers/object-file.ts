import { join } from 'node:path';

/** Where BuildStream's volume, which is Weir's too, has a blob. */
export function objectFile(volume: string, hash: string): string {
  return join(volume, 'cas', 'objects', hash.slice(0, 2), hash.slice(2));
}
