// One GET in a process of its own, whose environment a test chooses. Run as a program with its settings as JSON.
import { execFile } from 'node:child_process';
import { request } from 'node:https';
import { promisify } from 'node:util';
import { httpsGet } from '../../src/fetch/https-get.ts';

interface FetchSettings {
  readonly url: string;
  readonly authorities: string;
  /** Do it as a program does that leaves everything to Node. */
  readonly control?: boolean;
}

const typeScript = process.features.typescript ? [] : ['--experimental-strip-types'];

/** Resolves with the HTTP status, or with what went wrong. */
export async function fetchInProcess(
  settings: FetchSettings,
  environment: Record<string, string>,
): Promise<string> {
  const args = [
    ...typeScript,
    '--disable-warning=ExperimentalWarning',
    import.meta.filename,
    JSON.stringify(settings),
  ];
  const { stdout } = await promisify(execFile)(process.execPath, args, {
    env: { ...process.env, ...environment },
  });
  return stdout.trim();
}

async function get({ url, authorities, control }: FetchSettings): Promise<string> {
  if (control === true) {
    return await new Promise((resolve) => {
      const sent = request(url, (response) => resolve(String(response.statusCode)));
      sent.on('error', (error) => resolve(error.message)).end();
    });
  }
  const destination = { url: new URL(url), addresses: [{ address: '127.0.0.1', family: 4 as const }] };
  const response = await httpsGet(destination, {}, authorities, new AbortController().signal);
  return String(response.statusCode);
}

if (process.argv[1] === import.meta.filename) {
  process.stdout.write(await get(JSON.parse(process.argv[2] ?? '') as FetchSettings), () => process.exit(0));
}
