import { settings } from '../config/config.ts';
import { endWithoutReader } from './broken-pipe.ts';
import { Command, InvalidArgumentError } from './commander.ts';
import { exitCodes } from './exit-codes.ts';
import { printable } from './figures.ts';
import { scrapedMetrics } from './scraped-metrics.ts';
import { figureLines, figuresOf, type HealthFinding, healthOf } from './server-health.ts';

interface StatusOptions {
  readonly url: string;
  readonly json: boolean;
}

const patienceMs = 20_000;
const usualUrl = `http://${settings.OPS_LISTEN.default ?? '127.0.0.1:11080'}`;

/** `weir status`: how a running server is, from its operations port. */
export function statusCommand(): Command {
  return new Command('status')
    .description(
      'ask a running server how it is: well (exit code 0), not (1), or well with something to look at (3)',
    )
    .option('--url <url>', "the server's operations port", parseUrl, usualUrl)
    .option('--json', 'print one JSON object', false)
    .action(status);
}

async function status({ url, json }: StatusOptions): Promise<void> {
  endWithoutReader();
  let answers: { ready: Answer; metrics: Answer };
  try {
    answers = { ready: await ask(url, 'readyz'), metrics: await ask(url, 'metrics') };
  } catch (error) {
    const why = `no answer from ${url}: ${reasonOf(error)}; does a server run there, with OPS_LISTEN?`;
    if (json) process.stdout.write(`${JSON.stringify({ url, health: 'wrong', error: why })}\n`);
    else process.stderr.write(`weir: ${why}\n`);
    process.exitCode = exitCodes.failure;
    return;
  }
  const { ready, metrics } = answers;
  const [, ...reasons] = ready.text.trim().split('\n');
  const figures = figuresOf(scrapedMetrics(metrics.status === 200 ? metrics.text : ''));
  const findings: HealthFinding[] = [
    ...(ready.status === 200 ? [] : [{ level: 'wrong' as const, sentence: notReady(ready, reasons) }]),
    ...(metrics.status === 200
      ? []
      : [{ level: 'warning' as const, sentence: `/metrics answers ${metrics.status}` }]),
    ...healthOf(figures, Date.now()),
  ];
  const health = worstOf(findings);
  const lines = [
    `${url}: ${health}`,
    ...findings.map(({ level, sentence }) => `  ${level}: ${sentence}`),
    ...figureLines(figures).map((line) => `  ${line}`),
  ];
  const said = json
    ? JSON.stringify({ url, health, isReady: ready.status === 200, findings, ...figures })
    : lines.map(printable).join('\n');
  process.stdout.write(`${said}\n`);
  process.exitCode = { well: exitCodes.success, warning: exitCodes.warning, wrong: exitCodes.failure }[
    health
  ];
}

interface Answer {
  readonly status: number;
  readonly text: string;
}

async function ask(url: string, what: string): Promise<Answer> {
  const base = url.endsWith('/') ? url : `${url}/`;
  const response = await fetch(new URL(what, base), { signal: AbortSignal.timeout(patienceMs) });
  return { status: response.status, text: await response.text() };
}

function notReady({ status }: Answer, reasons: readonly string[]): string {
  if (status !== 503) return `/readyz answers ${status}: this is no operations port of weir`;
  return `it is not ready: ${reasons.length === 0 ? 'it does not say why' : reasons.join('; ')}`;
}

function worstOf(findings: readonly HealthFinding[]): 'well' | 'warning' | 'wrong' {
  if (findings.some(({ level }) => level === 'wrong')) return 'wrong';
  return findings.length > 0 ? 'warning' : 'well';
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? error.cause.message || error.message : error.message;
}

function parseUrl(text: string): string {
  if (URL.canParse(text) && /^https?:/.test(text)) return text;
  throw new InvalidArgumentError(`Write it like ${usualUrl}.`);
}
