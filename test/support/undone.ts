import type { TestContext } from 'node:test';

/**
 * For what a test has begun: undone when the test ends, what began last first, as what began later stands on what was
 * there before. All of it is undone, though something of it fails.
 */
export function undoneAfter(t: TestContext): (undo: () => unknown) => void {
  const undos: (() => unknown)[] = [];
  t.after(async () => {
    const failures: unknown[] = [];
    for (const undo of undos.toReversed()) {
      try {
        await undo();
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw new AggregateError(failures, 'not all could be undone');
  });
  return (undo) => void undos.push(undo);
}
