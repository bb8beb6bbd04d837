// Writes every metric of Weir's own, and of its gRPC calls, into docs/monitoring.md: labels, and the question that each answers.
//
//   node scripts/run.mjs --build scripts/metrics-page.mjs [--check]
//
// --check changes nothing, and fails when the page is not what it would write. What the process says of itself comes from a
// library, and is described by hand.
import { writeParts } from './generated-parts.mjs';

// What was built: the sources need a Node that strips types.
const { prometheusMetrics } = await import(new URL('../dist/telemetry/metrics.js', import.meta.url));

const metrics = prometheusMetrics('');
// Nothing of it is read: it has to be there for its gauges to be made.
metrics.watchVolume({ leaseSeconds: 0 });
const described = metrics.described();

function table(prefix) {
  const rows = described
    .filter(({ name }) => name.startsWith(prefix))
    .map(({ name, labels, question }) => {
      const codes = labels.map((label) => `\`${label}\``).join(', ');
      return `| \`${name}\` | ${codes} | ${question.replaceAll('|', String.raw`\|`)} |`;
    });
  return ['| metric | labels | the question it answers |', '| - | - | - |', ...rows].join('\n');
}

await writeParts(
  'docs/monitoring.md',
  new Map([
    ['weir', table('weir_')],
    ['grpc_server', table('grpc_server_')],
  ]),
);
