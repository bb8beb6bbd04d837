/** How to run a server. */
export interface Command {
  program: string;
  args: readonly string[];
  env?: Record<string, string>;
}

/** A certificate for 127.0.0.1 and its key. */
export interface TlsPair {
  /** PEM. */
  readonly certificate: string;
  readonly certificateFile: string;
  readonly keyFile: string;
}

/** A kind of server that is measured: Weir, or a peer. */
export interface ServerKind {
  readonly name: string;
  /** What a power cut may take of an upload that was acknowledged, in a few words for the report. */
  readonly durability: string;
  /** What of its configuration is not its own default, for the report. */
  readonly configuration: string;
  /** Gets it where it is not there, with words of what takes time. Why it cannot be had; undefined when it is there. */
  obtain(say: (line: string) => void): string | undefined;
  /** What it calls its version. Asked after `obtain` only. */
  version(): string;
  /** Writes what it needs into the folder, its own, and says how to serve on that port of 127.0.0.1. */
  command(folder: string, port: number): Command;
  /** The same with TLS in the server itself; absent where that is not to be had. */
  tlsCommand?(folder: string, port: number, pair: TlsPair): Command;
}
