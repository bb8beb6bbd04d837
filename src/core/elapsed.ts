import type { Clock } from './clock.ts';

/**
 * Milliseconds since some moment, never fewer than have really passed: of what the wall clock and the monotonic one
 * say, the larger counts. A wall clock can be set back; a monotonic one stands still while the machine sleeps.
 */
export function elapsedClock(wall: Clock, monotonic: Clock): Clock {
  let [lastWall, lastMonotonic] = [wall(), monotonic()];
  let elapsed = 0;
  return () => {
    const [nowWall, nowMonotonic] = [wall(), monotonic()];
    elapsed += Math.max(nowWall - lastWall, nowMonotonic - lastMonotonic, 0);
    [lastWall, lastMonotonic] = [nowWall, nowMonotonic];
    return elapsed;
  };
}
