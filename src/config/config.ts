import type { CleanedEnv } from 'envalid';
import { accessConfig, accessSettings } from './access-settings.ts';
import { cleanEnv, EnvError } from './envalid.ts';
import { fetchingConfig, fetchingSettings } from './fetching-settings.ts';
import { listenerConfig, listenerSettings } from './listener-settings.ts';
import { operationsConfig, operationsSettings } from './operations-settings.ts';
import { patienceConfig, patienceSettings } from './patience-settings.ts';
import { roomConfig, roomSettings } from './room-settings.ts';
import { volumeConfig, volumeSettings } from './volume-settings.ts';
import { workerConfig, workerSettings } from './worker-settings.ts';

/**
 * Every setting there is, with its form, its default and what it means: `weir serve --help` and docs/settings.md
 * are made from this.
 */
export const settings = {
  ...volumeSettings,
  ...roomSettings,
  ...listenerSettings,
  ...accessSettings,
  ...patienceSettings,
  ...operationsSettings,
  ...fetchingSettings,
  ...workerSettings,
};

/** All settings, checked and frozen. Field names are the settings' in camel case. */
export type Config = Readonly<ReturnType<typeof configOf>>;

/** What is wrong with the settings, a line each. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

/** Throws ConfigError, naming every setting that is wrong and what it should be. An empty value is an unset one. */
export function readConfig(environment: Record<string, string | undefined>): Config {
  const given = Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== ''));
  const checked = cleanEnv(given, settings, {
    reporter({ errors }) {
      const lines = Object.entries(errors).map(
        ([name, error]) => `${name}: ${error instanceof EnvError ? error.message : String(error)}`,
      );
      if (lines.length > 0) throw new ConfigError(lines.join('\n'));
    },
  });
  const config = configOf(checked);
  if (config.pullAccess === 'token' && config.tokensFile === undefined)
    throw new ConfigError('PULL_ACCESS: token needs TOKENS_FILE, or nobody could read');
  return Object.freeze(config);
}

function configOf(checked: CleanedEnv<typeof settings>) {
  return {
    ...volumeConfig(checked),
    ...roomConfig(checked),
    ...listenerConfig(checked),
    ...accessConfig(checked),
    ...patienceConfig(checked),
    ...operationsConfig(checked),
    ...fetchingConfig(checked),
    ...workerConfig(checked),
  };
}
