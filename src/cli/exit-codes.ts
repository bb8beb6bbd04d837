/** Exit codes of all commands, for scripts. */
export const exitCodes = {
  /** It did what was asked. */
  success: 0,
  /** It could not; standard error says why and what to do. */
  failure: 1,
  /** The command line or a setting makes no sense. */
  usage: 2,
  /** `status`: it works, and somebody should look at something. */
  warning: 3,
  /** What was asked for is not there. */
  notFound: 4,
} as const;
