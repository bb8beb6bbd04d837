import type { Timestamp } from '../gen/google/protobuf/timestamp.ts';
import { CacheError } from './cache-error.ts';

/** A point in time in nanoseconds since 1970: what a Timestamp message says, without loss. */
export type Instant = bigint;

const nanosPerSecond = 1_000_000_000n;
const nanosPerMillisecond = 1_000_000n;
/** What a Timestamp may say: the years 1 to 9999. Seconds since 1970. */
const firstSecond = -62_135_596_800n;
const lastSecond = 253_402_300_799n;

/** Undefined where the request has none. Throws 'invalid-argument' for a time outside the years 1 to 9999. */
export function parseInstant(timestamp: Timestamp | undefined, what: string): Instant | undefined {
  if (timestamp === undefined) return undefined;
  const { seconds, nanos } = timestamp;
  if (seconds < firstSecond || seconds > lastSecond || nanos < 0 || nanos >= Number(nanosPerSecond)) {
    throw new CacheError(
      'invalid-argument',
      `${what} is no time of the years 1 to 9999: ${seconds} seconds and ${nanos} nanoseconds`,
    );
  }
  return seconds * nanosPerSecond + BigInt(nanos);
}

/** As messages have it. */
export function timestampMessage(instant: Instant): Timestamp {
  const nanos = ((instant % nanosPerSecond) + nanosPerSecond) % nanosPerSecond;
  return { seconds: (instant - nanos) / nanosPerSecond, nanos: Number(nanos) };
}

/** From milliseconds since 1970, as a Clock gives them. */
export function instantOf(milliseconds: number): Instant {
  return BigInt(Math.floor(milliseconds)) * nanosPerMillisecond;
}
