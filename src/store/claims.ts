/**
 * A claim counts as long as its upload brings a small share of it within so long: one whose client stands still, or
 * moves for show only, keeps others out no longer.
 */
const countsForMs = 5000;
const shareToMove = 1 / 128;

/** What an upload under way has still to write, as its client has announced it. */
export class Claim {
  /** Bytes. */
  restBytes: number;
  readonly #stepBytes: number;
  #nextStep: number;
  #movedAt = performance.now();

  constructor(bytes: number) {
    this.restBytes = bytes;
    this.#stepBytes = bytes * shareToMove;
    this.#nextStep = bytes - this.#stepBytes;
  }

  counts(now: number): boolean {
    return now - this.#movedAt < countsForMs;
  }

  wrote(bytes: number): void {
    this.restBytes -= bytes;
    if (this.restBytes > this.#nextStep) return;
    this.#nextStep = this.restBytes - this.#stepBytes;
    this.#movedAt = performance.now();
  }
}

/** The claims of the uploads that go through this process. */
export class Claims {
  /** In the order in which they began. */
  readonly #claims = new Set<Claim>();
  #total = 0;

  /** From now on so many bytes are expected. */
  begin(bytes: number): Claim {
    const claim = new Claim(bytes);
    this.#claims.add(claim);
    this.#total += bytes;
    return claim;
  }

  /** So many of them, or more, are written. */
  wrote(claim: Claim, bytes: number): void {
    const claimed = Math.min(bytes, claim.restBytes);
    claim.wrote(claimed);
    this.#total -= claimed;
  }

  end(claim: Claim): void {
    if (this.#claims.delete(claim)) this.#total -= claim.restBytes;
  }

  /** Of all claims but this, those that do not count any more as well: quick to ask for. Bytes. */
  others(own: Claim | undefined): number {
    return this.#total - (own?.restBytes ?? 0);
  }

  /** Of all that count. Bytes. */
  counting(): number {
    const now = performance.now();
    let bytes = 0;
    for (const claim of this.#claims) if (claim.counts(now)) bytes += claim.restBytes;
    return bytes;
  }

  /**
   * Of those that count and go before an upload that has so much left: less is left of them, or as much and they are
   * older. `own` is the claim of that upload, when it has begun. Bytes.
   */
  before(restBytes: number, own: Claim | undefined): number {
    const now = performance.now();
    let bytes = 0;
    let isOlder = true;
    for (const claim of this.#claims) {
      if (claim === own) isOlder = false;
      else if (claim.restBytes < restBytes || (claim.restBytes === restBytes && isOlder))
        bytes += claim.counts(now) ? claim.restBytes : 0;
    }
    return bytes;
  }
}
