/** What people see while they wait. */
export interface Progress {
  /** What stays. */
  line(this: void, text: string): void;
  /** What goes on now: takes the place of what went on before, where there is a terminal. */
  status(this: void, text: string): void;
  /** Leaves the line free for others. */
  end(this: void): void;
}

/** On a terminal one line that changes; elsewhere a line for each work, so that a log stays short. */
export function progress(output: NodeJS.WriteStream): Progress {
  const clear = '\r\u001B[K';
  const begun = Date.now();
  let lastWork = '';
  return {
    line: (text) => void output.write(`${output.isTTY ? clear : ''}bench: ${text}\n`),
    status(text) {
      if (output.isTTY) {
        const minutes = Math.floor((Date.now() - begun) / 60_000);
        output.write(`${clear}${text}, ${minutes} min`.slice(0, output.columns));
        return;
      }
      const work = text.split(':')[0] ?? '';
      if (work !== lastWork) output.write(`bench: ${work}\n`);
      lastWork = work;
    },
    end: () => void (output.isTTY && output.write(clear)),
  };
}
