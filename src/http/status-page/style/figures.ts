const css = String.raw;

/** Charts, tables and bars. */
export const figuresStyle = css`
  figure {
    margin: 0;
  }
  .plot {
    min-height: 190px;
    overflow: hidden;
  }
  .plot svg {
    display: block;
    width: 100%;
    height: 190px;
  }
  .plot .hits {
    fill: var(--hit);
  }
  .plot .misses {
    fill: var(--miss);
  }
  .plot .sent {
    fill: var(--sent);
  }
  .plot .received {
    fill: var(--received);
  }
  .plot .used {
    fill: var(--hit);
  }
  .plot .base {
    stroke: var(--line);
  }
  .uplot {
    font-family: inherit;
  }
  details {
    margin-top: 0.6rem;
  }
  summary {
    cursor: pointer;
    color: var(--accent);
    font-size: 0.9rem;
    width: fit-content;
  }
  .scroll {
    overflow-x: auto;
    margin: 0 -0.25rem;
    padding: 0 0.25rem;
  }
  .scroll.low {
    max-height: 22rem;
    overflow-y: auto;
  }
  table {
    border-collapse: collapse;
    width: 100%;
    font-size: 0.925rem;
  }
  caption {
    text-align: left;
    color: var(--muted);
    font-size: 0.875rem;
    padding-bottom: 0.35rem;
  }
  th,
  td {
    padding: 0.42rem 0.8rem 0.42rem 0;
    text-align: left;
    vertical-align: baseline;
    border-bottom: 1px solid var(--line);
    font-weight: 400;
  }
  th:last-child,
  td:last-child {
    padding-right: 0;
  }
  tbody tr:last-child > * {
    border-bottom: 0;
  }
  thead th {
    color: var(--muted);
    font-size: 0.85rem;
    font-weight: 600;
    white-space: nowrap;
  }
  tbody th {
    overflow-wrap: anywhere;
    min-width: 9rem;
  }
  .number {
    text-align: right;
    font-variant-numeric: tabular-nums;
    white-space: nowrap;
  }
  .tight {
    white-space: nowrap;
  }
  .share {
    width: 34%;
    min-width: 5rem;
  }
  .share svg {
    display: block;
    width: 100%;
    height: 0.7rem;
  }
  .share rect {
    fill: var(--bar);
  }
  .share .own {
    fill: var(--hit);
  }
  .share .track {
    fill: var(--raised);
  }
  .meter {
    display: block;
    width: 100%;
    height: 0.5rem;
    margin: 0.4rem 0 0.3rem;
  }
  .meter .track {
    fill: var(--raised);
  }
  .meter .filled {
    fill: var(--hit);
  }
  .meter .filled.warn {
    fill: var(--miss);
  }
  .meter .limit {
    fill: var(--ink);
  }
  .wrap {
    overflow-wrap: anywhere;
  }
  .keys {
    margin: 0;
    padding: 0;
    list-style: none;
  }
  code,
  .mono {
    font-family: ui-monospace, 'SF Mono', Menlo, Consolas, 'DejaVu Sans Mono', monospace;
    font-size: 0.875em;
  }
  .path {
    margin: 0 0 0.9rem;
    padding: 0;
    list-style: none;
    display: flex;
    flex-wrap: wrap;
    align-items: baseline;
    gap: 0.1rem 0;
    overflow-wrap: anywhere;
  }
  .path li + li::before {
    content: '/';
    color: var(--muted);
    margin: 0 0.45rem;
  }
  .entry::before {
    display: inline-block;
    width: 1.4rem;
    color: var(--muted);
    content: '·';
    text-align: center;
    margin-right: 0.25rem;
  }
  .entry.folder::before {
    content: '▸';
  }
  .entry.symlink::before {
    content: '↪';
  }
  .entry.reference::before {
    content: '◆';
    font-size: 0.8em;
  }
  .facts {
    display: flex;
    flex-wrap: wrap;
    gap: 0.2rem 2rem;
    margin: 0 0 0.9rem;
  }
  .facts dt {
    color: var(--muted);
    font-size: 0.85rem;
  }
  .facts dd {
    margin: 0;
    font-variant-numeric: tabular-nums;
    overflow-wrap: anywhere;
  }
`;
