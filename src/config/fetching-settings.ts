import type { CleanedEnv } from 'envalid';
import { bytes, hosts, networks, seconds, wordsOf } from './setting-kinds.ts';

/** Where content is fetched from. */
export const fetchingSettings = {
  FETCH_HOSTS: hosts({
    default: 'none',
    desc: 'Hosts that content is fetched from over https when FetchBlob asks for it; `none` for nowhere.',
  }),
  FETCH_PRIVATE_NETWORKS: networks({
    default: 'none',
    desc: 'Private networks that those hosts may be in, like `10.1.0.0/16`.',
  }),
  FETCH_MAX_BYTES: bytes({ default: 1024 ** 3, desc: 'Most bytes of one fetched blob.' }),
  FETCH_TIMEOUT_SECONDS: seconds({
    default: 300,
    desc: 'How long fetching a blob may take, whatever the client would wait.',
  }),
};

export function fetchingConfig(checked: CleanedEnv<typeof fetchingSettings>) {
  return {
    /** Empty where nothing is fetched. */
    fetchHosts: wordsOf(checked.FETCH_HOSTS),
    fetchPrivateNetworks: wordsOf(checked.FETCH_PRIVATE_NETWORKS),
    fetchMaxBytes: checked.FETCH_MAX_BYTES,
    fetchTimeoutSeconds: checked.FETCH_TIMEOUT_SECONDS,
  };
}
