import { maxWindow } from './protocol.ts';

/** What the other side may send. A part is given back when enough of it was used, so that few frames say so. */
export class ReceiveWindow {
  #size: number;
  readonly #tell: (bytes: number) => void;
  /** What it may send now. */
  #open: number;
  /** Taken here, and not told yet. */
  #taken = 0;
  /** Told before it was taken. */
  #ahead = 0;

  /** `open`: what the other side believes from the start. */
  constructor(size: number, open: number, tell: (bytes: number) => void) {
    this.#size = size;
    this.#open = open;
    this.#tell = tell;
    if (size > open) this.#widen(size - open);
  }

  /** Whether it was allowed to send so many bytes, which have come. */
  receive(bytes: number): boolean {
    this.#open -= bytes;
    return this.#open >= 0;
  }

  /** They are not kept here any more. */
  consumed(bytes: number): void {
    const told = Math.min(this.#ahead, bytes);
    this.#ahead -= told;
    this.#taken += bytes - told;
    if (this.#taken * 2 < this.#size) return;
    this.#widen(this.#taken);
    this.#taken = 0;
  }

  /** There is room for so many bytes beside the window. */
  expect(bytes: number): void {
    if (bytes <= this.#ahead || this.#open + bytes > maxWindow) return;
    this.#widen(bytes - this.#ahead);
    this.#ahead = bytes;
  }

  /** From now on it is so large, if it was not. */
  resize(size: number): void {
    if (size <= this.#size) return;
    this.#widen(size - this.#size);
    this.#size = size;
  }

  #widen(bytes: number): void {
    this.#open += bytes;
    this.#tell(bytes);
  }
}
