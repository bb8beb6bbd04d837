import { Gauge, type Registry } from './prom-client.ts';
import type { PublicCertificate } from '../core/public-certificates.ts';

/** A series each: of more, those that expire last are left out. */
const mostSeries = 500;
const kinds = ['server', 'authority', 'crl', 'client'] as const;
const shownDigits = 8;

/** When certificates expire, as known at each scrape. */
export function certificateMetrics(registry: Registry): (known: readonly PublicCertificate[]) => void {
  const expiry = new Gauge({
    name: 'weir_certificate_expiry_timestamp_seconds',
    help: 'When does a certificate expire, in seconds since 1970? `kind` is `server`, `client`, `authority`, or `crl` for a list of revoked ones; at most 500 series, none without `CERTIFICATES_FILE`.',
    labelNames: ['name', 'kind'],
    aggregator: 'max',
    registers: [registry],
  });
  return (known) => {
    expiry.reset();
    const counted = Map.groupBy(known, ({ kind, name }) => `${kind} ${name}`);
    const first = known.toSorted(
      (one, other) =>
        kinds.indexOf(one.kind) - kinds.indexOf(other.kind) ||
        one.expires.getTime() - other.expires.getTime(),
    );
    for (const { kind, name, sha256, expires } of first.slice(0, mostSeries)) {
      const alone = counted.get(`${kind} ${name}`)?.length === 1;
      const label = alone ? name : `${name}-${sha256.slice(0, shownDigits)}`;
      expiry.set({ kind, name: label }, expires.getTime() / 1000);
    }
  };
}
