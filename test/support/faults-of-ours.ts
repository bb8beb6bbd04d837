import assert from 'node:assert/strict';

/** The decoder's way of saying that a message ends too soon: the fault of whoever sent or stored it. */
const ofSenders = 'RangeError: premature EOF';

/** No error in a server's log is one that only a mistake in its code explains. */
export function assertNoFaultOfOurs(log: string): void {
  assert.doesNotMatch(
    log.replaceAll(ofSenders, ''),
    /nobody expected|nobody caught|\b(Type|Range|Reference)Error\b/,
  );
}
