import type { CleanedEnv } from 'envalid';
import type { accessSettings } from './access-settings.ts';
import { hosts, oneOf, portAddress, unlessNone, wordsOf } from './setting-kinds.ts';

/** What the people who run it see of it. */
export const operationsSettings = {
  OPS_LISTEN: portAddress({
    default: '127.0.0.1:11080',
    desc: 'The operations port, `host:port`: plain HTTP for `/status`, `/metrics`, `/livez` and `/readyz`; `none` for none.',
  }),
  STATUS_PAGE: oneOf(['auto', 'full', 'summary', 'off'], {
    default: 'auto',
    desc: 'What the status page shows: `full`, with names and contents; `summary`, figures only; `off`. `auto` is `full` where anyone may pull, else `summary`.',
  }),
  STATUS_HOSTS: hosts({
    default: 'none',
    desc: 'Public names under which the status page may be asked for, behind a proxy; addresses and names of the own network need none.',
  }),
  LOG_LEVEL: oneOf(['error', 'warn', 'info', 'debug'], {
    default: 'info',
    desc: 'Least important kind of log line; `debug` has one for each call.',
  }),
  LOG_FORMAT: oneOf(['auto', 'json', 'pretty'], {
    default: 'auto',
    desc: '`auto`: pretty on a terminal, else JSON lines.',
  }),
};

type Checked = CleanedEnv<typeof operationsSettings & Pick<typeof accessSettings, 'PULL_ACCESS'>>;

export function operationsConfig(checked: Checked) {
  return {
    /** Undefined for no such port. */
    opsListen: unlessNone(checked.OPS_LISTEN),
    statusPage: statusPageOf(checked),
    statusHosts: wordsOf(checked.STATUS_HOSTS),
    logLevel: checked.LOG_LEVEL,
    logFormat: checked.LOG_FORMAT,
  };
}

/** What nobody may pull without a token is not shown without one either. */
function statusPageOf({ STATUS_PAGE, PULL_ACCESS }: Checked): 'full' | 'summary' | 'off' {
  if (STATUS_PAGE !== 'auto') return STATUS_PAGE;
  return PULL_ACCESS === 'anyone' ? 'full' : 'summary';
}
