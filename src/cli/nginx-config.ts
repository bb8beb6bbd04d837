import { Command, InvalidArgumentError, Option } from './commander.ts';
import { resolve } from 'node:path';
import { replaceFile } from '../certs/owned-files.ts';
import { endWithoutReader } from './broken-pipe.ts';
import { fail, messageOf } from './certs-options.ts';
import { nginxConfiguration } from './nginx-configuration.ts';

/** Each setting is a flag, and the variable that nginx's image has for it, with its default there. */
const settings = [
  setting('--sockets <folder>', 'NGINX_SOCKETS', '/run/weir', path, 'where Weir’s four socket files are'),
  setting('--tls <folder>', 'NGINX_TLS', '/run/weir-tls', path, 'what certs sync writes as --out'),
  setting('--volume <folder>', 'NGINX_VOLUME', '/data', path, 'the cache, for large blobs over HTTP'),
  setting('--run <folder>', 'NGINX_RUN', '/run/nginx', path, 'for its process id and its empty folders'),
  setting('--pull-listen <address>', 'NGINX_PULL_LISTEN', '11001', address, 'port, or address:port'),
  setting('--push-listen <address>', 'NGINX_PUSH_LISTEN', '11002', address, 'the same for pushing'),
  setting('--push-tokens <on|off>', 'NGINX_PUSH_TOKENS', 'off', onOrOff, 'pass on calls that have a token'),
  setting('--workers <count>', 'NGINX_WORKERS', 'auto', count, 'worker processes, or auto'),
  setting('--stream-timeout <time>', 'NGINX_STREAM_TIMEOUT', '1h', time, 'longest silence in a stream'),
  setting('--error-log <log>', 'NGINX_ERROR_LOG', '/dev/stderr notice', words, 'as nginx’s error_log'),
  setting(
    '--access-log <log>',
    'NGINX_ACCESS_LOG',
    '/dev/stdout weir_json buffer=4k flush=1s',
    words,
    'as nginx’s access_log',
  ),
] as const;

/** `weir nginx-config`. */
export function nginxConfigCommand(): Command {
  const command = new Command('nginx-config')
    .description(
      'print the configuration of an nginx in front of Weir, the one of its image, for one without containers',
    )
    .option('--output <file>', 'write it there instead, in one step');
  for (const { option } of settings) command.addOption(option);
  return command.action(run);
}

async function run(flags: Readonly<Record<string, string>>): Promise<void> {
  try {
    const values = settings.map(({ variable, option }) => [variable, flags[option.attributeName()] ?? '']);
    const text = await nginxConfiguration(Object.fromEntries(values) as Record<string, string>);
    endWithoutReader();
    if (flags['output'] === undefined) process.stdout.write(text);
    else
      await replaceFile(flags['output'], text).catch((error: unknown) => {
        throw new Error(`${flags['output']} cannot be written: ${messageOf(error)}`, { cause: error });
      });
  } catch (error) {
    fail(error);
  }
}

type Parser = (value: string) => string;

function setting(flags: string, variable: string, value: string, parse: Parser, description: string) {
  const option = new Option(flags, description).env(variable).default(value).argParser(parse);
  return { variable, option };
}

/** What would end a directive, or begin a variable, a comment or a string. */
const special = /[\s;{}"'$#\\]/;

function path(value: string): string {
  if (value === '' || special.test(value))
    throw new InvalidArgumentError('a folder is needed, without spaces and without any of ; { } " \' $ # \\');
  return resolve(value);
}

function address(value: string): string {
  return matching(
    /^(?:[\w.*-]+:|\[[\da-fA-F:.]+\]:)?\d{1,5}(?: [\w=]+)*$/,
    value,
    'a port, or address:port, is needed.',
  );
}

function onOrOff(value: string): string {
  return matching(/^(?:on|off)$/, value, 'on or off is needed.');
}

function count(value: string): string {
  return matching(/^(?:auto|[1-9]\d*)$/, value, 'a number above 0, or auto, is needed.');
}

function time(value: string): string {
  return matching(/^(?:\d+(?:ms|[smhdwMy])? ?)+$/, value, 'a time as nginx writes it is needed, as in 30m.');
}

function words(value: string): string {
  return matching(
    /^[^;{}#\n]+$/,
    value,
    'what follows the name of nginx’s directive is needed, without ; { } #',
  );
}

function matching(pattern: RegExp, value: string, sentence: string): string {
  if (!pattern.test(value)) throw new InvalidArgumentError(sentence);
  return value;
}
