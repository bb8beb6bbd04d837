/** Exit codes of all commands, for scripts. */
export const exitCodes = {
  /** It did what was asked. */
  success: 0,
  /** It could not; standard error says why and what to do. */
  failure: 1,
  /** The command line or a setting makes no sense. */
  usage: 2,
  /** It did what it could: something was left out, or needs somebody's care. */
  partlyDone: 3,
} as const;
