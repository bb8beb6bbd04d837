/** Waits until the condition holds; throws when it does not within a time that only a fault explains. */
export async function eventually(
  condition: () => Promise<boolean> | boolean,
  patienceMs = 90_000,
): Promise<void> {
  const deadline = Date.now() + patienceMs;
  while (Date.now() < deadline) {
    if (await condition()) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(
    `what was waited for did not happen within ${patienceMs / 1000} seconds: ${condition.toString()}`,
  );
}
