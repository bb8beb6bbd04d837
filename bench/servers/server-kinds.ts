import { bazelRemote } from './bazel-remote.ts';
import { bbStorage } from './bb-storage.ts';
import { buildboxCasd } from './buildbox-casd.ts';
import { reference } from './reference.ts';
import type { ServerKind } from './server-kind.ts';

/** Everything that Weir is compared with. */
export const peers: readonly ServerKind[] = [reference, buildboxCasd, bazelRemote, bbStorage];
