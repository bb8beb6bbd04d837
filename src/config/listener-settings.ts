import type { CleanedEnv } from 'envalid';
import { address, optionalAddress, unlessNone, yesOrNo } from './setting-kinds.ts';

/** Where clients are served. */
export const listenerSettings = {
  PULL_LISTEN: address({
    default: '127.0.0.1:11001',
    desc: 'Where reading is served: `host:port`, `[ipv6]:port` or `unix:/path`.',
  }),
  PUSH_LISTEN: optionalAddress({
    default: '127.0.0.1:11002',
    desc: 'Where reading and writing are served; `none` for a server without push.',
  }),
  PULL_HTTP_LISTEN: optionalAddress({
    default: 'none',
    desc: 'Where reading is served by the HTTP cache protocol; `none` for nowhere.',
  }),
  PUSH_HTTP_LISTEN: optionalAddress({
    default: 'none',
    desc: 'Where reading and writing are served by it; `none` for nowhere.',
  }),
  REFLECTION: yesOrNo({ default: false, desc: '`true` offers gRPC server reflection.' }),
};

/** Listeners that are not wanted are undefined. */
export function listenerConfig(checked: CleanedEnv<typeof listenerSettings>) {
  return {
    pullListen: checked.PULL_LISTEN,
    pushListen: unlessNone(checked.PUSH_LISTEN),
    pullHttpListen: unlessNone(checked.PULL_HTTP_LISTEN),
    pushHttpListen: unlessNone(checked.PUSH_HTTP_LISTEN),
    reflection: checked.REFLECTION,
  };
}
