import type { ByteBudget, Taken } from '../core/byte-budget.ts';

/** Memory for a message. */
type Room = Taken & { readonly bytes: number };

/** Memory is given out in steps of this. Bytes. */
const roomBytes = 64 * 1024;
const envelopeBytes = 512;

/**
 * Memory for the long messages of one call. Messages have numbers, from 1; one may arrive while the handler is still at the one
 * before it.
 */
export class MessageRooms {
  readonly #memory: ByteBudget;
  readonly #owner: string;
  readonly #onGranted: () => void;
  readonly #rooms = new Map<number, Room>();
  #kept: Room | undefined;

  /** `onGranted`: a message that waited for memory has it now. */
  constructor(memory: ByteBudget, owner: string, onGranted: () => void) {
    this.#memory = memory;
    this.#owner = owner;
    this.#onGranted = onGranted;
  }

  /** Asks for memory for a message; false when it has to wait for it. */
  take(number: number, length: number): boolean {
    const room = this.#rooms.get(number) ?? this.#roomFor(length);
    this.#rooms.set(number, room);
    return room.granted;
  }

  has(number: number): boolean {
    return this.#rooms.get(number)?.granted === true;
  }

  /** Nobody needs message `done` any more; `arriving` is the number of the last that has begun. */
  done(done: number, arriving: number): void {
    const room = this.#rooms.get(done);
    if (room === undefined) return;
    this.#rooms.delete(done);
    const waiting = this.#rooms.get(arriving);
    if (waiting === undefined || waiting.granted) return this.#spare(room);
    // Whoever has memory and waits for more would keep others from both.
    if (waiting.bytes > room.bytes) return room.release();
    // What iterates over messages remembers the last one until it has the next: its memory is not free before.
    waiting.release();
    this.#rooms.set(arriving, room);
    this.#onGranted();
  }

  releaseAll(): void {
    for (const room of this.#rooms.values()) room.release();
    this.#rooms.clear();
    this.#kept?.release();
    this.#kept = undefined;
  }

  #roomFor(length: number): Room {
    // Messages of an upload differ by a few bytes around their payload.
    const bytes = Math.ceil((length + envelopeBytes) / roomBytes) * roomBytes;
    const kept = this.#kept;
    this.#kept = undefined;
    if (kept !== undefined && kept.bytes >= bytes) return kept;
    kept?.release();
    const taken = this.#memory.take(this.#owner, bytes, this.#onGranted);
    return Object.assign(taken, { bytes });
  }

  /** For the next message. */
  #spare(room: Room): void {
    this.#kept?.release();
    this.#kept = room;
  }
}
