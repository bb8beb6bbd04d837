const css = String.raw;

/** Cards, tiles and forms, and how they fit narrow and wide windows. */
export const partsStyle = css`
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
  main > * + .card,
  main > * + section {
    margin-top: 0.9rem;
  }
  .card {
    grid-column: 1 / -1;
    padding: 1rem 1.1rem 1.1rem;
    min-width: 0;
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
  .legend .limit {
    --swatch: var(--muted);
  }
  .legend .at::before {
    display: none;
  }
  .legend span {
    color: var(--ink);
    font-variant-numeric: tabular-nums;
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
  .half,
  .third,
  .rest {
    grid-column: 1 / -1;
    min-width: 0;
  }
  .health {
    margin: 0;
    padding: 0;
    list-style: none;
  }
  .health li {
    display: grid;
    grid-template-columns: 8rem 11rem minmax(0, 1fr);
    gap: 0.15rem 1rem;
    align-items: baseline;
    padding: 0.5rem 0;
    border-top: 1px solid var(--line);
  }
  .health li:first-child {
    border-top: 0;
  }
  .health h3,
  .health p {
    margin: 0;
    font-size: 0.925rem;
  }
  @media (min-width: 60rem) {
    .card .grid {
      column-gap: 2rem;
    }
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
      padding-inline: 0.9rem;
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
    .tight {
      white-space: normal;
    }
    .wrap {
      min-width: 7rem;
    }
    .health li {
      grid-template-columns: minmax(0, 1fr) auto;
    }
    .health .details {
      grid-column: 1 / -1;
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
