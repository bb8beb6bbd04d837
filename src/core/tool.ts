/** The header in which a call says which tool makes it, a serialised RequestMetadata (remote_execution.proto). */
export const requestMetadataHeader = 'build.bazel.remote.execution.v2.requestmetadata-bin';

/** Clients of the API that have a label of their own in the metrics. */
const knownTools = [
  'bazel',
  'buck2',
  'buildbox',
  'buildstream',
  'casupload',
  'goma',
  'gradle',
  'pants',
  'please',
  'recc',
  'reclient',
  'remotetool',
  'sccache',
  'siso',
  'weir',
] as const;

/** Other names that they send. */
const aliases: ReadonlyMap<string, ToolLabel> = new Map([
  ['bst', 'buildstream'],
  ['re-client', 'reclient'],
  ['reproxy', 'reclient'],
  ['remote-client', 'remotetool'],
]);

/** Which tool a call came from, as one of a few values: `none` where it does not say, `other` where nobody knows it. */
export type ToolLabel = (typeof knownTools)[number] | 'none' | 'other';

/** All values that there are. */
export const toolLabels: readonly ToolLabel[] = [...knownTools, 'none', 'other'];

const labels: ReadonlyMap<string, ToolLabel> = new Map([
  ...knownTools.map((name) => [name, name] as const),
  ...aliases,
]);

/** Of a tool's name, or of a user agent that begins with it (`bazel/7.4.1`). */
export function toolLabel(name: string | undefined): ToolLabel {
  if (name === undefined || name === '') return 'none';
  const known = labels.get(name);
  if (known !== undefined) return known;
  const word = (/^[\w-]{1,40}/.exec(name)?.[0] ?? '').toLowerCase();
  // One project, many programs: buildbox-casd, buildbox-run-…
  if (word.startsWith('buildbox')) return 'buildbox';
  // BuildStream 2 names nothing but the daemon that its calls go through.
  if (name.trim().startsWith('(via buildbox')) return 'buildbox';
  return labels.get(word) ?? 'other';
}

/** What a call says of itself, for the log; no text is longer than 100 characters or has control characters. */
export interface RequestDetails {
  readonly tool?: string;
  readonly toolVersion?: string;
  /** The run of the tool, and what ties several runs together. */
  readonly invocation?: string;
  readonly correlatedInvocations?: string;
  readonly action?: string;
  readonly actionMnemonic?: string;
  readonly target?: string;
}
