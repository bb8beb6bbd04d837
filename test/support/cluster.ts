// What an operator's cluster has before Weir comes: an API server, the namespace, and the kinds of the operators.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import type { TestContext } from 'node:test';

import { startApiServer } from './api-server.ts';
import type { ApiServer, Ran } from './api-server.ts';
import { operatorsDefinitions } from './custom-resources.ts';
import { manifests } from './kustomize.ts';

export type Cluster = ApiServer;

/** Starts one; ended with the test. */
export async function startCluster(t: TestContext): Promise<Cluster> {
  const server = await startApiServer(t);
  printed(server.kubectl(['apply', `--filename=${join(manifests, 'namespace.yaml')}`]));
  printed(server.kubectl(['apply', '--filename=-'], operatorsDefinitions));
  printed(server.kubectl(['wait', '--for=condition=Established', '--timeout=300s', 'crd', '--all']));
  return server;
}

/** Standard output of what went well. */
export function printed({ status, stdout, stderr }: Ran): string {
  assert.equal(status, 0, `${stdout}${stderr}`);
  return stdout;
}
