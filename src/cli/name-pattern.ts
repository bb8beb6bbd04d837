import { InvalidArgumentError } from './commander.ts';

/** A name in which `*` is for any characters, slashes too. */
export interface NamePattern {
  /** How all that it matches begins. */
  readonly prefix: string;
  matches(name: string): boolean;
}

/** Of what a command line says. */
export function namePattern(text: string): NamePattern {
  if (text === '') throw new InvalidArgumentError('An empty pattern is for no name at all.');
  const pieces = text.split('*');
  const [first = ''] = pieces;
  const last = pieces.at(-1) ?? '';
  const between = pieces.slice(1, -1);

  /** The pieces one after the other, each as early as it can be: in a time that grows with the name only. */
  function matches(name: string): boolean {
    if (pieces.length === 1) return name === text;
    if (!name.startsWith(first) || !name.endsWith(last)) return false;
    let at = first.length;
    for (const piece of between) {
      const found = name.indexOf(piece, at);
      if (found === -1) return false;
      at = found + piece.length;
    }
    return at <= name.length - last.length;
  }

  return { prefix: first, matches };
}
