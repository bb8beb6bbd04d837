/** One BEGIN … END of a PEM file, or the remains of one. */
export interface PemBlock {
  /** What the block says it holds: CERTIFICATE, PRIVATE KEY, … */
  label: string;
  /** Line of its BEGIN, from 1. */
  line: number;
  /** Where it is in the text: from its BEGIN to behind its END, or to where the next one begins. */
  start: number;
  end: number;
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
  let open: Opened | undefined;
  let line = 1;
  let counted = 0;
  for (const match of text.matchAll(marker)) {
    const [whole, kind, label = ''] = match;
    line += text.slice(counted, match.index).split('\n').length - 1;
    counted = match.index;
    if (kind === 'BEGIN') {
      if (open) blocks.push(faulty(open, match.index, 'has no END line: it was cut off'));
      open = { label, line, start: match.index, from: match.index + whole.length };
      continue;
    }
    const end = match.index + whole.length;
    if (open === undefined) {
      blocks.push(
        faulty({ label, line, start: match.index }, end, 'has no BEGIN line: its start is missing'),
      );
    } else if (label === open.label) {
      blocks.push(decoded(open, end, text.slice(open.from, match.index)));
    } else {
      blocks.push(faulty(open, end, `ends as ${label}`));
    }
    open = undefined;
  }
  if (open) blocks.push(faulty(open, text.length, 'has no END line: it was cut off'));
  return blocks;
}

interface Opened {
  label: string;
  line: number;
  start: number;
  /** Where its body begins. */
  from: number;
}

function decoded(open: Opened, end: number, body: string): PemBlock {
  const { label, line, start } = open;
  const base64 = body.replaceAll(/\s/g, '');
  if (base64 === '') return faulty(open, end, 'is empty');
  // Buffer.from() skips what it does not know; a letter lost in transfer has to be seen.
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(base64) || base64.length % 4 !== 0) {
    return faulty(open, end, 'is not base64: letters are missing or wrong');
  }
  return { label, line, start, end, der: Buffer.from(base64, 'base64'), fault: undefined };
}

function faulty({ label, line, start }: Omit<Opened, 'from'>, end: number, fault: string): PemBlock {
  return { label, line, start, end, der: undefined, fault };
}
