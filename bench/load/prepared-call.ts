/** One call, made before it is sent. */
export interface PreparedCall {
  /** `/package.Service/Method`. */
  path: string;
  /** Its messages, framed. */
  body: Buffer;
  /** Throws when that is not the answer of a call that did what it should. Called when nothing is timed. */
  judge(reply: Uint8Array): void;
}
