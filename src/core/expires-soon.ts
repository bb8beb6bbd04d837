const dayMs = 86_400_000;

/** Lists of revoked certificates are made for some days: whoever makes them anew in time is not to be warned all the time. */
const mostRevocationListDays = 2;

/** In words, before its name; `kind` is that of the metric of expiry. */
export function expiringThing(kind: string): string {
  if (kind === 'crl') return 'list of revoked certificates of the authority';
  return kind === 'authority' ? "authority's certificate" : `${kind} certificate`;
}

/** How long before its end something is to be looked at, where `days` is the usual time for that. Milliseconds. */
export function soonMs(kind: string, days: number): number {
  return (kind === 'crl' ? Math.min(days, mostRevocationListDays) : days) * dayMs;
}
