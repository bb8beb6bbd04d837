// The words of BuildStream 2 for what matters to a cache. Outcomes are judged by `assertOutcome`, as for 1.6.
export const says2 = {
  pushed: /INFO +Pushed artifact/,
  pulled: /INFO +Pulled artifact/,
  built: /Build Queue: +processed [1-9]/,
  notCached: /INFO +Remote \(.*\) does not have artifact \w+ cached/,
  dataAlreadyThere: /INFO +Remote \(.*\) already has artifact \w+ cached/,
  pushSkipped: /Push Queue: +processed 0, skipped 1, failed 0/,
  pullSkipped: /Pull Queue: +processed 0, skipped 1, failed 0/,
  sourcesPushed: /Src-push Queue: +processed 1, skipped 0, failed 0/,
  sourcePulled: /INFO +Pulled source/,
  /** The remote is left out of the session, with the server's or the transport's sentence. */
  remoteRefused: (sentence: string): RegExp =>
    new RegExp(`WARNING Failed to initialize remote https?://\\S+: .*${sentence}`),
};
