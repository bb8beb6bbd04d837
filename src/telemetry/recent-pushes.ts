import type { Push } from '../core/observer.ts';
import type { RecentPush } from '../core/status.ts';

/** So many are remembered, and of each so many keys; a text is cut to so many characters. */
const mostPushes = 100;
const mostKeys = 3;
const longestText = 512;

/** The last pushes, in a fixed amount of memory. */
export interface RecentPushes {
  note(push: RecentPush): void;
  /** The newest first. */
  all(): readonly RecentPush[];
}

export function recentPushes(): RecentPushes {
  const pushes: RecentPush[] = [];
  return {
    note(push) {
      pushes.unshift(push);
      pushes.length = Math.min(pushes.length, mostPushes);
    },
    all: () => pushes.slice(),
  };
}

/** What is remembered of a push. */
export function recentPush(
  { keys, blobs, bytes, missing, identity, request }: Push,
  atMs: number,
): RecentPush {
  const name = identity?.kind === 'token' ? identity.name : identity?.subject;
  const tool = [request.tool, request.toolVersion].filter((word) => word !== undefined).join(' ');
  return {
    atMs,
    keys: keys.slice(0, mostKeys).map(short),
    keyCount: keys.length,
    blobs,
    bytes,
    missing: missing.length,
    who: name === undefined ? undefined : short(name),
    fingerprint: identity?.kind === 'certificate' ? identity.fingerprint : undefined,
    tool: tool === '' ? undefined : short(tool),
  };
}

function short(text: string): string {
  return text.length <= longestText ? text : `${text.slice(0, longestText)}…`;
}
