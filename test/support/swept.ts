import { cp, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { diskImage, noDiskImage } from './disk-image.ts';
import { eventually } from './eventually.ts';
import { startWeir } from './weir.ts';

/** Waits until temporary files that died with their servers are taken away, as they are when they are an hour old. */
export async function expectSwept(volume: string): Promise<void> {
  const left = await readdir(join(volume, 'tmp'));
  if (left.length === 0 || noDiskImage !== false) return;
  const image = await diskImage({ kind: 'ext4', bytes: 256 * 1024 * 1024 });
  try {
    await cp(join(volume, 'tmp'), join(image.path, 'tmp'), { recursive: true });
    image.age(
      left.map((name) => join('tmp', name)),
      2 * 3600,
    );
    const weir = await startWeir({ volume: image.path });
    await eventually(async () => (await readdir(join(image.path, 'tmp'))).length === 0);
    await weir.stop();
  } finally {
    await image.remove();
  }
}
