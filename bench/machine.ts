import { cpus, release, totalmem } from 'node:os';

/** What the figures are of: processor, cores, memory, kernel. */
export function machine(): string {
  const model = cpus()[0]?.model ?? 'unknown processor';
  return `${cpus().length} cores of ${model}, ${Math.round(totalmem() / 1024 ** 3)} GiB, Linux ${release()}`;
}
