import { createLogger, format, transports } from 'winston';
import type { Logger } from '../core/observer.ts';

/** How log lines look. */
export interface LogOptions {
  readonly level: 'error' | 'warn' | 'info' | 'debug';
  /** auto: pretty on a terminal, else JSON. */
  readonly format: 'auto' | 'json' | 'pretty';
  /** The number of the worker whose lines they are; undefined for a process that is none. */
  readonly worker?: number | undefined;
}

/** Log lines go to standard error: standard output belongs to what a command prints. */
export function winstonLogger(options: LogOptions): Logger {
  const pretty = options.format === 'pretty' || (options.format === 'auto' && process.stderr.isTTY);
  const logger = createLogger({
    level: options.level,
    ...(options.worker !== undefined && { defaultMeta: { worker: options.worker } }),
    format: format.combine(format.timestamp(), pretty ? prettyLines() : format.json()),
    transports: [new transports.Console({ stderrLevels: ['error', 'warn', 'info', 'debug'] })],
  });
  return Object.assign(logger, { debugs: options.level === 'debug' });
}

function prettyLines() {
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
