/** How to run a server. */
export interface Command {
  program: string;
  args: readonly string[];
  env?: Record<string, string>;
  /** Where it takes uploads without TLS, as gRPC names it, where that is not the port. */
  uploads?: string;
}

/** A certificate for 127.0.0.1 and its key. */
export interface TlsPair {
  /** PEM. */
  readonly certificate: string;
  readonly certificateFile: string;
  readonly keyFile: string;
}

/** How TLS comes before a server: from itself, or from nginx where its users have one before it. */
export interface TlsFront {
  readonly by: 'server' | 'nginx';
  readonly pair: TlsPair;
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
  /** The same with TLS from nginx, both of them in one; absent where its users have TLS in the server itself. */
  nginxCommand?(folder: string, port: number, pair: TlsPair): Promise<Command>;
  /** Where it keeps a blob, as uploads leave it; absent where that is not just a file. */
  blobFile?(folder: string, hash: string): string;
}

/** The command for that front. Throws where it cannot be had. */
export async function commandOf(
  kind: ServerKind,
  folder: string,
  port: number,
  front: TlsFront | undefined,
): Promise<Command> {
  if (front === undefined) return kind.command(folder, port);
  if (front.by === 'nginx' && kind.nginxCommand) return await kind.nginxCommand(folder, port, front.pair);
  const command = kind.tlsCommand?.(folder, port, front.pair);
  if (command === undefined) throw new Error(`${kind.name} has no TLS of its own`);
  return command;
}
