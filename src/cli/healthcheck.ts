import { Command } from './commander.ts';
import { ConfigError, readConfig } from '../config/config.ts';
import { exitCodes } from './exit-codes.ts';

const patienceMs = 5000;

/** `weir healthcheck`: asks the server of the same settings whether it is ready; for containers. */
export function healthcheckCommand(): Command {
  return new Command('healthcheck')
    .description('ask the server at OPS_LISTEN whether it is ready (exit code 0) or not (1)')
    .action(healthcheck);
}

async function healthcheck(): Promise<void> {
  let opsListen: string | undefined;
  try {
    ({ opsListen } = readConfig(process.env));
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    process.stderr.write(`weir: these settings cannot be used\n${error.message}\n`);
    process.exitCode = exitCodes.usage;
    return;
  }
  if (opsListen === undefined) {
    process.stderr.write('weir: OPS_LISTEN is none, so there is nothing to ask\n');
    process.exitCode = exitCodes.usage;
    return;
  }
  const url = `http://${opsListen.replace(/^(0\.0\.0\.0|\[::\])/, 'localhost')}/readyz`;
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(patienceMs) });
    process.stdout.write(await response.text());
    process.exitCode = response.ok ? exitCodes.success : exitCodes.failure;
  } catch (error) {
    process.stderr.write(
      `weir: no answer from ${url}: ${error instanceof Error ? error.message : String(error)}\n`,
    );
    process.exitCode = exitCodes.failure;
  }
}
