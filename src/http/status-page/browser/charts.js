// @ts-nocheck -- runs in browsers, which know other names than the server; see tsconfig.json
// Draws the charts of the status page in the place of their still pictures, and renews the figures.
// Without it, or when it fails, the page stays as it was sent.

const renewEveryMs = 30_000;
const soonMs = 3000;
const chartHeight = 190;
const longestByMinute = 4 * 60;
/** Each chart by the name in its data-chart: how its lines are made of the history. */
const charts = {
  lookups: {
    series: [
      { name: 'hits', label: 'hits', color: '--hit' },
      { name: 'misses', label: 'misses', color: '--miss' },
    ],
    scale: (value) => value,
    text: (value) => `${countText(value)} a minute`,
    axisText: countText,
  },
  transfer: {
    series: [
      { name: 'sentBytes', label: 'sent', color: '--sent' },
      { name: 'receivedBytes', label: 'received', color: '--received' },
    ],
    scale: (value, stepMs) => value / (stepMs / 1000),
    text: (value) => `${bytesText(value)}/s`,
  },
  room: {
    series: [
      { name: 'usedBytes', label: 'used', color: '--hit' },
      { name: 'limitBytes', label: 'limit', color: '--muted', isLine: true },
    ],
    scale: (value) => value,
    text: bytesText,
  },
};

function bytesText(value) {
  const units = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];
  const exponent = Math.min(units.length - 1, Math.max(0, Math.floor(Math.log10(Math.max(value, 1)) / 3)));
  const scaled = value / 1000 ** exponent;
  return `${Number.isInteger(scaled) ? scaled : scaled.toFixed(1)} ${units[exponent]}`;
}

function countText(exact) {
  const value = exact < 10 ? Math.round(exact * 10) / 10 : Math.round(exact);
  return value >= 10_000 ? bytesText(value).replace(/ ?([kMGT]?)B$/, '$1') : value.toLocaleString('en-US');
}

const colorOf = (property) => getComputedStyle(document.documentElement).getPropertyValue(property).trim();

function dataOf({ series, scale }, history) {
  const { beginsAtMs, stepMs } = history;
  const count = history.series[series[0].name].length;
  // A line of a thousand minutes is a smear: of a longer time, five are drawn as one.
  const group = count > longestByMinute ? 5 : 1;
  const groups = Math.ceil(count / group);
  const times = Array.from({ length: groups }, (_, index) => (beginsAtMs + index * group * stepMs) / 1000);
  const values = series.map(({ name }) =>
    Array.from({ length: groups }, (_, index) => {
      const values = history.series[name]
        .slice(index * group, (index + 1) * group)
        .filter((value) => value !== null);
      if (values.length === 0) return null;
      return scale(values.reduce((sum, value) => sum + value, 0) / values.length, stepMs);
    }),
  );
  return [times, ...values];
}

const clock = (seconds) =>
  new Date(seconds * 1000).toLocaleTimeString([], { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });

/** What there is, and an hour at least. */
function shownTimes(_, first, last) {
  return [Math.min(first, last - 3600), last];
}

/** The values under the cursor go where the colours are explained. */
function writeValues(plot, { series, text }, legend) {
  const { idx } = plot.cursor;
  const isOver = idx !== null && idx !== undefined && plot.cursor.left >= 0;
  for (const [index, { label }] of series.entries()) {
    const value = isOver ? plot.data[index + 1][idx] : null;
    const place = legend?.querySelector(`.${label} span`);
    if (place) place.textContent = value === null || value === undefined ? '' : ` ${text(value)}`;
  }
  const at = legend?.querySelector('.at');
  if (at) at.textContent = isOver ? `at ${clock(plot.data[0][idx])}` : '';
}

function optionsOf(chart, width, legend) {
  const { series, text, axisText = text } = chart;
  const muted = colorOf('--muted');
  const grid = { stroke: colorOf('--line'), width: 1 };
  const axis = { stroke: muted, grid, ticks: grid, font: '12px system-ui, sans-serif' };
  return {
    width,
    height: chartHeight,
    legend: { show: false },
    cursor: { y: false, drag: { x: false, y: false } },
    hooks: { setCursor: [(plot) => writeValues(plot, chart, legend)] },
    scales: { x: { range: shownTimes }, y: { range: (_, __, most) => [0, Math.max(most * 1.05, 1)] } },
    axes: [
      { ...axis, space: 60, values: (_, splits) => splits.map(clock) },
      { ...axis, size: 72, values: (_, splits) => splits.map(axisText) },
    ],
    series: [
      {},
      ...series.map(({ label, color, isLine }) => ({
        label,
        stroke: colorOf(color),
        fill: isLine ? undefined : `color-mix(in srgb, ${colorOf(color)} 16%, transparent)`,
        width: 1.75,
        points: { show: false },
      })),
    ],
  };
}

/** What is drawn now, by place. */
const drawn = new Map();

function draw(place, history) {
  const chart = charts[place.dataset.chart];
  if (chart === undefined) return;
  drawn.get(place)?.destroy();
  const legend = document.querySelector(`[data-legend="${place.dataset.chart}"]`);
  const holder = document.createElement('div');
  const plot = new globalThis.uPlot(
    optionsOf(chart, place.clientWidth, legend),
    dataOf(chart, history),
    holder,
  );
  place.replaceChildren(holder);
  place.dataset.drawn = 'yes';
  drawn.set(place, plot);
}

let history;

function drawAll() {
  if (history === undefined) return;
  for (const place of document.querySelectorAll('[data-chart]')) draw(place, history);
}

async function loadHistory() {
  const answer = await fetch('/status/history.json', { headers: { accept: 'application/json' } });
  if (!answer.ok) throw new Error(`the history was answered with ${answer.status}`);
  history = await answer.json();
}

/** Takes over what has changed, save where somebody is at work: what has the focus stays as it is. */
async function renewFigures() {
  const answer = await fetch(location.href, { headers: { accept: 'text/html' } });
  if (!answer.ok) return;
  const fresh = new DOMParser().parseFromString(await answer.text(), 'text/html');
  for (const place of document.querySelectorAll('[data-live]')) {
    const now = fresh.getElementById(place.id);
    if (now === null || place.contains(document.activeElement) || place.innerHTML === now.innerHTML) continue;
    place.replaceChildren(...now.childNodes);
  }
}

async function renew() {
  if (document.hidden) return;
  try {
    await loadHistory();
    for (const [place, plot] of drawn) plot.setData(dataOf(charts[place.dataset.chart], history));
    await renewFigures();
  } catch {
    // The server may be away for a moment; what is shown stays, and the next time comes.
  }
}

/** Sooner while the server is at something that the page waits for. */
async function goOn() {
  for (;;) {
    const restMs = document.querySelector('[data-soon]') === null ? renewEveryMs : soonMs;
    await new Promise((resolve) => setTimeout(resolve, restMs));
    await renew();
  }
}

async function begin() {
  await loadHistory();
  drawAll();
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', drawAll);
  const resized = new ResizeObserver(() => {
    for (const [place, plot] of drawn)
      if (plot.width !== place.clientWidth) plot.setSize({ width: place.clientWidth, height: chartHeight });
  });
  for (const place of drawn.keys()) resized.observe(place);
  void goOn();
}

begin().catch(() => {});
