/** One BEGIN … END of a PEM file, or the remains of one. */
export interface PemBlock {
  /** What the block says it holds: CERTIFICATE, PRIVATE KEY, … */
  label: string;
  /** Line of its BEGIN, from 1. */
  line: number;
  /** Its bytes; undefined when something is wrong with the text. */
  der: Buffer | undefined;
  /** What is wrong with the text, as the rest of a sentence about the block. */
  fault: string | undefined;
}

// A BEGIN may follow an END on the same line: `cat` of a file without a last newline does that.
const marker = /-----(BEGIN|END) ([A-Z0-9 ]+?)-----/g;

/**
 * Every block of a PEM text, sound or not. Tolerates CRLF, a byte order mark, text between the blocks and
 * two blocks on one line; a block that is cut off or garbled is reported and spoils no other.
 */
export function pemBlocks(text: string): PemBlock[] {
  const blocks: PemBlock[] = [];
  let open: { label: string; line: number; from: number } | undefined;
  let line = 1;
  let counted = 0;
  for (const match of text.matchAll(marker)) {
    const [whole, kind, label = ''] = match;
    line += text.slice(counted, match.index).split('\n').length - 1;
    counted = match.index;
    if (kind === 'BEGIN') {
      if (open) blocks.push(faulty(open, 'has no END line: it was cut off'));
      open = { label, line, from: match.index + whole.length };
    } else if (open) {
      blocks.push(
        label === open.label
          ? decoded(open, text.slice(open.from, match.index))
          : faulty(open, `ends as ${label}`),
      );
      open = undefined;
    } else {
      blocks.push(faulty({ label, line }, 'has no BEGIN line: its start is missing'));
    }
  }
  if (open) blocks.push(faulty(open, 'has no END line: it was cut off'));
  return blocks;
}

function decoded(open: { label: string; line: number }, body: string): PemBlock {
  const base64 = body.replaceAll(/\s/g, '');
  if (base64 === '') return faulty(open, 'is empty');
  // Buffer.from() skips what it does not know; a letter lost in transfer has to be seen.
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(base64) || base64.length % 4 !== 0) {
    return faulty(open, 'is not base64: letters are missing or wrong');
  }
  return { label: open.label, line: open.line, der: Buffer.from(base64, 'base64'), fault: undefined };
}

function faulty({ label, line }: { label: string; line: number }, fault: string): PemBlock {
  return { label, line, der: undefined, fault };
}
