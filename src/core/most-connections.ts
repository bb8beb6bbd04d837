/** A server of Node's. Its types do not know the second one yet. */
interface Limited {
  maxConnections: number;
  dropMaxConnection?: boolean;
}

/** From then on the server takes so many connections at once; others are closed as soon as they come. */
export function limitConnections(server: Limited, most: number): void {
  server.maxConnections = most;
  // Where another process has accepted it, it would otherwise be offered again and again.
  server.dropMaxConnection = true;
}
