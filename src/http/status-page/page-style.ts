const css = String.raw;

/**
 * How the pages look. Colours of text keep a contrast of 4.5 and more in both schemes; what a colour says is always
 * said in words too.
 */
export const pageStyle = css`
  :root {
    color-scheme: light dark;
    --page: #f4f7f9;
    --surface: #ffffff;
    --raised: #f0f4f7;
    --ink: #10222c;
    --muted: #4c616d;
    --line: #d7e0e6;
    --accent: #0a6685;
    --accent-soft: #d8edf3;
    --hit: #0b8296;
    --miss: #d0662b;
    --sent: #3c62c9;
    --received: #8a4fb5;
    --bar: #9fcfdb;
    --good: #16703f;
    --good-soft: #dcf2e5;
    --warn: #835300;
    --warn-soft: #fbeccb;
    --bad: #a61f18;
    --bad-soft: #fbe0dd;
    --shadow: 0 1px 2px rgb(16 34 44 / 6%), 0 4px 14px rgb(16 34 44 / 4%);
  }
  @media (prefers-color-scheme: dark) {
    :root {
      --page: #0b1317;
      --surface: #121d23;
      --raised: #18262e;
      --ink: #e3edf2;
      --muted: #9bb0bb;
      --line: #24343d;
      --accent: #66c9e0;
      --accent-soft: #123441;
      --hit: #43b9c9;
      --miss: #f0955e;
      --sent: #8ea9f5;
      --received: #c79be6;
      --bar: #1f5a6a;
      --good: #69d39a;
      --good-soft: #12301f;
      --warn: #eabb5f;
      --warn-soft: #362808;
      --bad: #ff938a;
      --bad-soft: #3d1613;
      --shadow: none;
    }
  }
  * {
    box-sizing: border-box;
  }
  html {
    -webkit-text-size-adjust: 100%;
  }
  body {
    margin: 0;
    background: var(--page);
    color: var(--ink);
    font:
      16px/1.5 system-ui,
      -apple-system,
      'Segoe UI',
      Roboto,
      'Noto Sans',
      'DejaVu Sans',
      sans-serif;
  }
  .wide {
    max-width: 76rem;
    margin: 0 auto;
    padding: 0 1.25rem;
  }
  a {
    color: var(--accent);
    text-underline-offset: 0.15em;
    text-decoration-thickness: 1px;
  }
  a:hover {
    text-decoration-thickness: 2px;
  }
  :focus-visible {
    outline: 3px solid var(--accent);
    outline-offset: 2px;
    border-radius: 3px;
  }
  main:focus {
    outline: none;
  }
  .skip {
    position: absolute;
    left: -999px;
    top: 0;
    z-index: 2;
    padding: 0.6rem 1rem;
    background: var(--surface);
  }
  .skip:focus {
    left: 0.5rem;
    top: 0.5rem;
  }
  .top {
    background: var(--surface);
    border-bottom: 1px solid var(--line);
  }
  .top .wide {
    display: flex;
    flex-wrap: wrap;
    align-items: center;
    gap: 0.25rem 1.5rem;
    min-height: 3.5rem;
  }
  .brand {
    display: inline-flex;
    align-items: center;
    gap: 0.6rem;
    color: inherit;
    font-weight: 650;
    font-size: 1.15rem;
    letter-spacing: -0.01em;
    text-decoration: none;
  }
  .mark rect {
    fill: var(--accent);
  }
  .mark path {
    fill: none;
    stroke: var(--surface);
    stroke-width: 2.2;
    stroke-linecap: round;
  }
  .mark .faint {
    opacity: 0.55;
  }
  nav a {
    display: inline-block;
    padding: 0.9rem 0.1rem 0.8rem;
    margin-right: 1.1rem;
    color: var(--muted);
    text-decoration: none;
    border-bottom: 2px solid transparent;
  }
  nav a:hover {
    color: var(--ink);
  }
  nav a[aria-current] {
    color: var(--ink);
    font-weight: 600;
    border-bottom-color: var(--accent);
  }
  main {
    padding-top: 1.5rem;
    padding-bottom: 1rem;
  }
  h1 {
    margin: 0 0 0.35rem;
    font-size: 1.6rem;
    line-height: 1.25;
    letter-spacing: -0.015em;
    overflow-wrap: anywhere;
  }
  h2 {
    margin: 0;
    font-size: 1.05rem;
    letter-spacing: -0.005em;
  }
  h3 {
    margin: 0 0 0.4rem;
    font-size: 0.95rem;
  }
  p {
    margin: 0 0 0.6rem;
  }
  .lead,
  .note {
    color: var(--muted);
  }
  .note {
    font-size: 0.875rem;
    margin: 0;
  }
  .title {
    display: flex;
    flex-wrap: wrap;
    align-items: baseline;
    gap: 0.2rem 0.9rem;
  }
  .pill {
    display: inline-flex;
    align-items: center;
    gap: 0.4rem;
    padding: 0.1rem 0.7rem 0.12rem;
    border-radius: 99px;
    font-size: 0.9rem;
    font-weight: 600;
    white-space: nowrap;
  }
  .pill::before {
    content: '';
    width: 0.55rem;
    height: 0.55rem;
    border-radius: 50%;
    background: currentcolor;
  }
  .good {
    color: var(--good);
  }
  .warn {
    color: var(--warn);
  }
  .bad {
    color: var(--bad);
  }
  .unknown {
    color: var(--muted);
  }
  .pill.good {
    background: var(--good-soft);
  }
  .pill.warn {
    background: var(--warn-soft);
  }
  .pill.bad {
    background: var(--bad-soft);
  }
  .pill.unknown {
    background: var(--raised);
  }
  .tiles {
    display: grid;
    grid-template-columns: repeat(auto-fit, minmax(11.5rem, 1fr));
    gap: 0.9rem;
    margin: 1.1rem 0;
    padding: 0;
  }
  .tile,
  .card {
    background: var(--surface);
    border: 1px solid var(--line);
    border-radius: 12px;
    box-shadow: var(--shadow);
  }
  .tile {
    padding: 0.85rem 1rem 0.9rem;
  }
  .tile dt {
    color: var(--muted);
    font-size: 0.875rem;
  }
  .tile dd {
    margin: 0;
  }
  .figure {
    font-size: 1.65rem;
    font-weight: 650;
    line-height: 1.25;
    letter-spacing: -0.02em;
    font-variant-numeric: tabular-nums;
  }
  .tile .note {
    display: block;
  }
  .grid {
    display: grid;
    grid-template-columns: repeat(12, minmax(0, 1fr));
    gap: 0.9rem;
  }
  .card {
    grid-column: 1 / -1;
    padding: 1rem 1.1rem 1.1rem;
    margin: 0 0 0.9rem;
    min-width: 0;
  }
  .grid .card {
    margin: 0;
  }
  .head {
    display: flex;
    flex-wrap: wrap;
    justify-content: space-between;
    align-items: baseline;
    gap: 0.1rem 1rem;
    margin-bottom: 0.7rem;
  }
  .legend {
    display: flex;
    flex-wrap: wrap;
    gap: 0.1rem 1rem;
    margin: 0;
    padding: 0;
    list-style: none;
    font-size: 0.875rem;
    color: var(--muted);
  }
  .legend li::before {
    content: '';
    display: inline-block;
    width: 0.75rem;
    height: 0.75rem;
    margin-right: 0.4rem;
    border-radius: 3px;
    vertical-align: -0.08rem;
    background: var(--swatch);
  }
  .legend .hits {
    --swatch: var(--hit);
  }
  .legend .misses {
    --swatch: var(--miss);
  }
  .legend .sent {
    --swatch: var(--sent);
  }
  .legend .received {
    --swatch: var(--received);
  }
  .legend .used {
    --swatch: var(--hit);
  }
  .legend .free {
    --swatch: var(--bar);
  }
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
  .plot .free {
    fill: var(--bar);
  }
  .plot .base {
    stroke: var(--line);
  }
  .uplot {
    font-family: inherit;
  }
  .u-legend {
    text-align: left;
    font-size: 0.85rem;
    color: var(--muted);
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
  form {
    display: flex;
    flex-wrap: wrap;
    gap: 0.5rem 0.7rem;
    align-items: end;
  }
  form label {
    display: block;
    color: var(--muted);
    font-size: 0.875rem;
    flex: 1 1 20rem;
  }
  input {
    display: block;
    width: 100%;
    margin-top: 0.2rem;
    padding: 0.45rem 0.65rem;
    color: var(--ink);
    background: var(--surface);
    border: 1px solid var(--muted);
    border-radius: 8px;
    font: inherit;
  }
  button,
  .button {
    display: inline-block;
    padding: 0.45rem 1rem;
    color: var(--surface);
    background: var(--accent);
    border: 1px solid var(--accent);
    border-radius: 8px;
    font: inherit;
    font-weight: 600;
    text-decoration: none;
    cursor: pointer;
  }
  button:hover,
  .button:hover {
    filter: brightness(1.1);
  }
  .more {
    margin: 0.9rem 0 0;
  }
  footer {
    padding-top: 0.5rem;
    padding-bottom: 2rem;
    color: var(--muted);
    font-size: 0.875rem;
  }
  @media (min-width: 60rem) {
    .half {
      grid-column: span 6;
    }
    .third {
      grid-column: span 5;
    }
    .rest {
      grid-column: span 7;
    }
  }
  @media (max-width: 34rem) {
    .wide {
      padding: 0 0.9rem;
    }
    .tiles {
      grid-template-columns: 1fr 1fr;
      gap: 0.6rem;
    }
    .tile {
      padding: 0.7rem 0.8rem;
    }
    .figure {
      font-size: 1.35rem;
    }
    .card {
      padding: 0.85rem 0.85rem 0.95rem;
    }
    .optional {
      display: none;
    }
    tbody th {
      min-width: 7rem;
    }
  }
  @media (forced-colors: active) {
    .plot rect,
    .share rect,
    .meter rect {
      forced-color-adjust: none;
    }
  }
`;
