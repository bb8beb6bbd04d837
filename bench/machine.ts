import { cpus, release, totalmem } from 'node:os';

/** What the figures are of: processor, cores, memory, kernel. */
export function machine(): string {
  const model = cpus()[0]?.model ?? 'unknown processor';
  return `${cpus().length} cores of ${model}, ${Math.round(totalmem() / 1024 ** 3)} GiB, Linux ${release()}`;
}

/** Seconds that all cores together have computed since the machine was started, for whomever. */
export function busySeconds(): number {
  const times = cpus().map(({ times }) => times.user + times.nice + times.sys + times.irq);
  return times.reduce((sum, each) => sum + each, 0) / 1000;
}
