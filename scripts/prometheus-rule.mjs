// Makes the PrometheusRule of deploy/kubernetes from the rules in monitoring/rules, comments and all.
//
//   node scripts/run.mjs scripts/prometheus-rule.mjs [--print]
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const project = fileURLToPath(new URL('..', import.meta.url));
const rules = join('monitoring', 'rules');
const target = join('deploy', 'kubernetes', 'components', 'monitoring', 'rules.yaml');

const head = `# Generated from ${rules} by scripts/prometheus-rule.mjs. DO NOT EDIT.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: weir
  labels:
    app.kubernetes.io/name: weir
spec:
  groups:
`;

/** What stands below `groups:` in a file of rules. */
function groupsOf(file) {
  const [, groups] = readFileSync(join(project, rules, file), 'utf8').split(/^groups:\n/m);
  if (groups === undefined) throw new Error(`${file} has no line "groups:"`);
  return groups.replaceAll(/^(?=.)/gm, '  ');
}

const files = readdirSync(join(project, rules)).filter((name) => name.endsWith('.yml'));
const text = head + files.sort().map(groupsOf).join('');
if (process.argv.includes('--print')) process.stdout.write(text);
else writeFileSync(join(project, target), text);
