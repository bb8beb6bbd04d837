import type { CleanedEnv } from 'envalid';
import { oneOf, path, text, unlessNone } from './setting-kinds.ts';

/** Who may do what. */
export const accessSettings = {
  TOKENS_FILE: path({
    default: 'none',
    desc: 'List of hashed access tokens, taken over when it changes; with `none` tokens are ignored.',
  }),
  PULL_ACCESS: oneOf(['anyone', 'token'], {
    default: 'anyone',
    desc: 'Who may read on the pull listener: `anyone`, or who has a `token`.',
  }),
  CERTIFICATES_FILE: path({
    default: 'none',
    desc: 'What `weir certs sync --public` writes of certificates: names, expiry, permissions; taken over when it changes. With it, only certificates that it knows may push.',
  }),
  PUSH_HINT: text({
    default: 'port 11002 with a client certificate',
    desc: 'What a push on the pull listener is told to use.',
  }),
};

/** Files that are not wanted are undefined. */
export function accessConfig(checked: CleanedEnv<typeof accessSettings>) {
  return {
    tokensFile: unlessNone(checked.TOKENS_FILE),
    pullAccess: checked.PULL_ACCESS,
    certificatesFile: unlessNone(checked.CERTIFICATES_FILE),
    pushHint: checked.PUSH_HINT,
  };
}
