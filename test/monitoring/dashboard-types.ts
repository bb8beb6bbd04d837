// What Grafana knows of dashboards, by the package that its makers have for those who write them by programs: as it stands
// in a file, where words stand for members of enumerations, and what is left out has a default.
import type {
  Dashboard,
  FieldConfig,
  FieldConfigSource,
  Panel,
  RowPanel,
} from '@grafana/grafana-foundation-sdk/dashboard';
import type { Dataquery } from '@grafana/grafana-foundation-sdk/prometheus';
import type { Options as StatOptions } from '@grafana/grafana-foundation-sdk/stat';
import type * as stateTimeline from '@grafana/grafana-foundation-sdk/statetimeline';
import type * as table from '@grafana/grafana-foundation-sdk/table';
import type * as timeSeries from '@grafana/grafana-foundation-sdk/timeseries';

type Written<T> = T extends string
  ? `${T}`
  : T extends readonly (infer Entry)[]
    ? Written<Entry>[]
    : T extends object
      ? { [Key in keyof T as T[Key] extends (...args: never[]) => unknown ? never : Key]?: Written<T[Key]> }
      : T;

interface OfKind<Options, Custom> {
  options: Options;
  targets: Dataquery[];
  fieldConfig: {
    defaults: Omit<FieldConfig, 'custom'> & { custom: Custom };
    overrides: FieldConfigSource['overrides'];
  };
}

type PanelOf<Options, Custom> = Written<
  Omit<Panel, keyof OfKind<unknown, unknown>> & OfKind<Options, Custom>
>;

/** By what `type` says. */
export interface WrittenPanels {
  row: Written<RowPanel>;
  stat: PanelOf<StatOptions, never>;
  'state-timeline': PanelOf<stateTimeline.Options, stateTimeline.FieldConfig>;
  table: PanelOf<table.Options, table.FieldConfig>;
  timeseries: PanelOf<timeSeries.Options, timeSeries.FieldConfig>;
}

/** All but its panels. */
export type WrittenDashboard = Written<Omit<Dashboard, 'panels'>>;
