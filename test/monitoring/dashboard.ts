// The dashboard as a person sees it: its panels' expressions, with the variables filled in.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

interface Panel {
  readonly title: string;
  readonly type: string;
  readonly description?: string;
  readonly targets?: readonly { readonly expr: string }[];
}

interface Dashboard {
  readonly panels: readonly Panel[];
  readonly templating: { readonly list: readonly { readonly name: string; readonly definition?: string }[] };
  readonly annotations: { readonly list: readonly { readonly name: string; readonly expr?: string }[] };
}

/** An expression, and where it is shown. */
export interface ShownExpression {
  readonly panel: string;
  readonly expression: string;
}

const path = join(import.meta.dirname, '..', '..', 'monitoring', 'grafana', 'dashboards', 'weir.json');
export const dashboard = JSON.parse(readFileSync(path, 'utf8')) as Dashboard;

/** As Grafana does for all servers of the job, of the last hour. */
const variables: readonly [RegExp, string][] = [
  [/\$__rate_interval\b/g, '1m'],
  [/\$__range\b/g, '1h'],
  [/\$job\b/g, 'weir'],
  [/\$instance\b/g, '.+'],
];

/** Of all panels, and of the marks on them. */
export function shownExpressions(): ShownExpression[] {
  const shown = [
    ...dashboard.panels.flatMap(({ title, targets = [] }) =>
      targets.map(({ expr }) => [title, expr] as const),
    ),
    ...dashboard.annotations.list.flatMap(({ name, expr }) =>
      expr === undefined ? [] : [[name, expr] as const],
    ),
  ];
  return shown.map(([panel, expr]) => ({
    panel,
    expression: variables.reduce((text, [variable, value]) => text.replace(variable, value), expr),
  }));
}
