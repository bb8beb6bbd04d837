/** Lengths of the codes of all bytes and of the end of a text, in bits (RFC 7541, appendix B); the codes follow from them. */
const runsOfLengths: readonly (readonly [bits: number, times: number])[] = parse(
  `13 23 28*7 24 30 28*2 30 28*8 30 28*9 6 10*2 12 13 6 8 11 10*2 8 11 8 6*3 5*3 6*7 7 8 15 6 12 10 13 6 7*22 8 7 8 13 19 13 14 6
   15 5 6 5 6 5 6*3 5 7*2 6*3 5 6 7 6 5*2 6 7*5 15 11 14 13 28 20 22 20*2 22*3 23 22 23*5 24 23 24*2 22 23 24 23*4 21 22 23 22
   23*2 24 22 21 20 22*2 23*2 21 23 22*2 24 21 22 23*2 21*2 22 21 23 22 23*2 20 22*3 23 22*2 23 26*2 20 19 22 23 22 25 26*3 27*2
   26 24 25 19 21 26 27*2 26 27 24 21*2 26*2 28 27*3 20 24 20 21 22 21*2 23 22*2 25*2 24*2 26 23 26 27 26*2 27*5 28 27*5 26 30`,
);
const endOfText = 256;
/** More bits than this of padding are none. */
const mostPadding = 7;

/** What follows after the eight bits that lead here: a byte, another node, or nothing that there is. */
type Node = (Leaf | Node | undefined)[];
interface Leaf {
  readonly byte: number;
  /** How many of the eight bits are its code's. */
  readonly bits: number;
}

const root: Node = treeOf(lengthsOf(runsOfLengths));
const room = Buffer.allocUnsafeSlow(64 * 1024);

/** The text behind a Huffman code, one character for each byte; undefined where it is none. */
export function huffmanDecoded(code: Uint8Array): string | undefined {
  // The shortest codes have five bits.
  const text = code.length * 8 <= room.length * 5 ? room : Buffer.allocUnsafe(code.length * 2);
  let length = 0;
  let node = root;
  let [bits, count, sinceByte] = [0, 0, 0];
  for (const byte of code) {
    bits = ((bits << 8) | byte) & 0xffff_ffff;
    count += 8;
    sinceByte += 8;
    while (count >= 8) {
      const next = node[(bits >>> (count - 8)) & 0xff];
      if (next === undefined) return undefined;
      if (Array.isArray(next)) {
        node = next;
        count -= 8;
        continue;
      }
      if (next.byte === endOfText) return undefined;
      text[length++] = next.byte;
      count -= next.bits;
      sinceByte = count;
      node = root;
    }
  }
  // The last code is shorter than eight bits; what is behind it are ones.
  while (count > 0) {
    const next = node[((bits << (8 - count)) | (0xff >> count)) & 0xff];
    if (next === undefined || Array.isArray(next) || next.bits > count) break;
    text[length++] = next.byte;
    count -= next.bits;
    sinceByte = count;
    node = root;
  }
  const padding = 2 ** count - 1;
  if (sinceByte > mostPadding || (bits & padding) !== padding) return undefined;
  return text.toString('latin1', 0, length);
}

function parse(text: string): [number, number][] {
  return text.split(/\s+/).map((word) => {
    const [bits, times] = word.split('*');
    return [Number(bits), Number(times ?? 1)];
  });
}

function lengthsOf(runs: readonly (readonly [number, number])[]): number[] {
  return runs.flatMap(([bits, times]) => Array.from({ length: times }, () => bits));
}

/** Codes are given in the order of their lengths, and of bytes among those of one length. */
function treeOf(lengths: readonly number[]): Node {
  const tree = emptyNode();
  const symbols = lengths.map((bits, byte) => ({ bits, byte })).toSorted((a, b) => a.bits - b.bits);
  let code = 0;
  let before = symbols[0]?.bits ?? 0;
  for (const { bits, byte } of symbols) {
    code *= 2 ** (bits - before);
    before = bits;
    plant(tree, code, bits, byte);
    code++;
  }
  return tree;
}

function plant(tree: Node, code: number, bits: number, byte: number): void {
  let [node, rest] = [tree, bits];
  for (; rest > 8; rest -= 8) {
    const at = (code >>> (rest - 8)) & 0xff;
    const next = node[at];
    node = Array.isArray(next) ? next : (node[at] = emptyNode());
  }
  const first = (code << (8 - rest)) & 0xff;
  const leaf = { byte, bits: rest };
  for (let at = first; at < first + 2 ** (8 - rest); at++) node[at] = leaf;
}

function emptyNode(): Node {
  return Array.from({ length: 256 }, () => undefined);
}
