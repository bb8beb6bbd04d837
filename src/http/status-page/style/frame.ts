const css = String.raw;

/** Colours, and what is around the content. Text keeps a contrast of 4.5 and more in both schemes; what a colour says is always said in words too. */
export const frameStyle = css`
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
    padding-inline: 1.25rem;
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
  .hidden {
    position: absolute;
    width: 1px;
    height: 1px;
    overflow: hidden;
    clip-path: inset(50%);
    white-space: nowrap;
  }
`;
