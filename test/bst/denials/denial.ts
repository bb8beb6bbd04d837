import type { PlainServer, PlainSetting } from '../../support/bst-plain-server.ts';

/** Something that a server must not let a caller do. */
export interface Denial {
  /** A sentence: what the server does instead. */
  name: string;
  /** Rejects when the server lets it happen. */
  check(this: void, server: PlainServer): Promise<void>;
  /** With what the check rejects when it runs against the reference server. */
  referenceFails: RegExp;
  /** How the server has to be set for the check to mean something. */
  setting?(this: void): Promise<PlainSetting>;
}
