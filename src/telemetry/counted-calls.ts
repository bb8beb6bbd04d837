import type { Observer } from '../core/observer.ts';

/** The same observer, and when no call is under way any more: `ended` waits for that so long at most. */
export function countedCalls(observer: Observer): {
  observer: Observer;
  ended(patienceMs: number): Promise<void>;
} {
  let underWay = 0;
  let whenNone: (() => void) | undefined;
  return {
    observer: {
      ...observer,
      callBegan(role) {
        underWay++;
        observer.callBegan(role);
      },
      callEnded(role) {
        observer.callEnded(role);
        if (--underWay === 0) whenNone?.();
      },
    },
    async ended(patienceMs) {
      if (underWay === 0) return;
      await new Promise<void>((resolve) => {
        whenNone = resolve;
        setTimeout(resolve, patienceMs).unref();
      });
    },
  };
}
