const unitsMs: Readonly<Record<string, number>> = {
  H: 3_600_000,
  M: 60_000,
  S: 1000,
  m: 1,
  u: 1e-3,
  n: 1e-6,
};
const longestTimerMs = 2 ** 31 - 1;

/** The header `grpc-timeout` in milliseconds; undefined for none, and for one so long that no timer takes it. */
export function timeoutOf(header: string | undefined): number | undefined {
  const [, digits, unit] = /^(\d{1,8})([HMSmun])$/.exec(header ?? '') ?? [];
  const ms = Number(digits) * (unitsMs[unit ?? ''] ?? Number.NaN);
  return ms <= longestTimerMs ? Math.ceil(ms) : undefined;
}
