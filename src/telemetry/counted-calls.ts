import type { Observer } from '../core/observer.ts';

/** The same observer, and when no call is under way any more: `ended` waits for that so long at most. */
export function countedCalls(observer: Observer): {
  observer: Observer;
  ended(patienceMs: number): Promise<void>;
  /** Whether there was a call since this was asked last. */
  hadSome(): boolean;
} {
  let underWay = 0;
  let hadSome = false;
  let whenNone: (() => void) | undefined;
  return {
    observer: {
      ...observer,
      callBegan(role) {
        underWay++;
        hadSome = true;
        observer.callBegan(role);
      },
      callEnded(role) {
        hadSome = true;
        observer.callEnded(role);
        if (--underWay === 0) whenNone?.();
      },
    },
    hadSome() {
      const had = hadSome || underWay > 0;
      hadSome = false;
      return had;
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
