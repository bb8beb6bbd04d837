import { Command, Option } from './commander.ts';
import { hostname } from 'node:os';
import { resolve } from 'node:path';
import { initCertificates } from '../certs/init-certificates.ts';
import { fail, folderOption } from './certs-options.ts';

/** Names that hold for any machine, and those of the services in docker-compose.yml. */
const everyServersNames = ['localhost', 'weir', 'nginx', '127.0.0.1', '::1'];

/** `weir certs init`. */
export function initCommand(): Command {
  return new Command('init')
    .description(
      'make what is missing in the folder: a server pair, a first client pair and the list of who may push',
    )
    .addOption(folderOption())
    .addOption(
      new Option(
        '--name <host...>',
        'further host names and addresses of the server, the one its users know first',
      )
        .argParser(collectNames)
        .env('WEIR_NAMES'),
    )
    .option('--server-only', 'make a server pair alone, as for a change of the one in use')
    .option('--json', 'print one line of JSON', false)
    .action(runInit);
}

interface InitFlags {
  dir: string;
  name?: string[];
  serverOnly?: boolean;
  json: boolean;
}

async function runInit(options: InitFlags): Promise<void> {
  const names = [...new Set([...(options.name ?? []), hostname(), ...everyServersNames])];
  try {
    const made = await initCertificates({
      folder: options.dir,
      names,
      serverOnly: options.serverOnly === true,
    });
    if (options.json) {
      console.log(JSON.stringify({ made, names: made.includes('server.crt') ? names : null }));
      return;
    }
    for (const file of made) console.log(`made ${file}`);
    if (made.includes('server.crt')) console.log(`server.crt is for ${names.join(', ')}`);
    if (made.length === 0) console.log(`nothing to do: ${resolve(options.dir)} has all it needs`);
  } catch (error) {
    fail(error);
  }
}

/** Names may also come in one word, with commas or spaces, as they do from the environment. */
function collectNames(value: string, before: string[] | undefined): string[] {
  return [...(before ?? []), ...value.split(/[\s,]+/).filter((name) => name !== '')];
}
