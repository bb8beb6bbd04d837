/** What the work gives, or the signal's reason when that aborts first; the work itself goes on. */
export async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return await new Promise((resolve, reject) => {
    const giveUp = () => reject(signal.reason as Error);
    const settled = () => signal.removeEventListener('abort', giveUp);
    signal.addEventListener('abort', giveUp, { once: true });
    work.then(resolve, reject).finally(settled);
    if (signal.aborted) giveUp();
  });
}
