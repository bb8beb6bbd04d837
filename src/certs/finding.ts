/** Something about a file in the certificates' folder that its owner should know. */
export interface Finding {
  /** `error`: something was left out or not taken over. `warning`: all was, yet it will not work as meant. */
  severity: 'error' | 'warning';
  /** The file, as a path relative to the folder. */
  file: string;
  /** Where in it, from 1. */
  line?: number;
  /** What is wrong and what to do. */
  message: string;
}

/** `error: authorized.crt:12: message` */
export function findingLine({ severity, file, line, message }: Finding): string {
  return `${severity}: ${file}${line === undefined ? '' : `:${line}`}: ${message}`;
}
