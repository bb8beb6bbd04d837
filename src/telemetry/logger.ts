import { createRequire } from 'node:module';
import type winston from 'winston';
import type { Logger } from '../core/observer.ts';

/** How log lines look. */
export interface LogOptions {
  readonly level: 'error' | 'warn' | 'info' | 'debug';
  /** auto: pretty on a terminal, else JSON. */
  readonly format: 'auto' | 'json' | 'pretty';
  /** The number of the worker whose lines they are; undefined for a process that is none. */
  readonly worker?: number | undefined;
}

const require = createRequire(import.meta.url);

/**
 * Log lines go to standard error: standard output belongs to what a command prints. The library is loaded with the first
 * line, and at once, since the process may end behind it; most workers never have one.
 */
export function winstonLogger(options: LogOptions): Logger {
  let logger: winston.Logger | undefined;
  const loaded = () => (logger ??= loadLogger(options));
  return {
    debugs: options.level === 'debug',
    debug: (message, fields) => void loaded().debug(message, fields),
    info: (message, fields) => void loaded().info(message, fields),
    warn: (message, fields) => void loaded().warn(message, fields),
    error: (message, fields) => void loaded().error(message, fields),
  };
}

function loadLogger(options: LogOptions): winston.Logger {
  const { createLogger, format, transports } = require('winston') as typeof winston;
  const pretty = options.format === 'pretty' || (options.format === 'auto' && process.stderr.isTTY);
  return createLogger({
    level: options.level,
    ...(options.worker !== undefined && { defaultMeta: { worker: options.worker } }),
    format: format.combine(format.timestamp(), pretty ? prettyLines(format) : format.json()),
    transports: [new transports.Console({ stderrLevels: ['error', 'warn', 'info', 'debug'] })],
  });
}

function prettyLines(format: (typeof winston)['format']) {
  return format.combine(
    format.colorize({ level: true }),
    format.printf(({ timestamp, level, message, ...fields }) => {
      const details = Object.entries(fields).map(([name, value]) => `${name}=${oneLine(value)}`);
      return [String(timestamp), level, String(message), ...details].join(' ');
    }),
  );
}

function oneLine(value: unknown): string {
  return typeof value === 'string' && /^[^\s"=]+$/.test(value) ? value : JSON.stringify(value);
}
