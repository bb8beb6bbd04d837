/** A line of a terminal that is written over and over. */
export interface ProgressLine {
  /** Shows the text that this makes, now and then; nothing where nobody looks. */
  show(text: () => string): void;
  /** Takes the line away, for what comes next. */
  clear(): void;
}

const everyMs = 100;
const barLength = 24;
const usualColumns = 80;

/** On the stream where that is a terminal; otherwise it stays silent. */
export function progressLine(stream: NodeJS.WriteStream): ProgressLine {
  let shownAt = Number.NEGATIVE_INFINITY;
  let isShown = false;
  return {
    show(text) {
      if (!stream.isTTY || performance.now() - shownAt < everyMs) return;
      shownAt = performance.now();
      isShown = true;
      // One column less than there are, or the line would wrap; some terminals say that they have none.
      stream.write(`\r\u001b[K${text().slice(0, (stream.columns || usualColumns) - 1)}`);
    },
    clear() {
      if (isShown) stream.write('\r\u001b[K');
      isShown = false;
    },
  };
}

/** `[#####-----] 50%`, of a part between 0 and 1. */
export function bar(part: number): string {
  const full = Math.round(part * barLength);
  const percent = String(Math.floor(part * 100)).padStart(3);
  return `[${'#'.repeat(full)}${'-'.repeat(barLength - full)}]${percent}%`;
}
