/** Why a datagram was dropped without effect. Counted, never logged by content. wire-spec [R-3-4]. */
export const DROP_REASONS = [
  /** a length that no datagram of its kind has */
  'length',
  /** an unknown first byte, or one of the other direction */
  'kind',
  /** ASK from the server, or PROBE with ASK or BOOT */
  'reserved-bit',
  /** message 1 whose mac1 does not verify under any of our static keys */
  'mac1',
  /** message 1 without a valid mac2 while cookies are asked for; or a cookie that does not open */
  'cookie',
  /** a rate limit or a full table; also the answer to a probe that is withheld for one of these */
  'limit',
  /** handshake message whose Noise part does not verify */
  'noise',
  /** message 1 with a stamp too far ahead or not above the stored one */
  'stamp',
  /** message 1 with a static key that is not enrolled */
  'unknown-device',
  /** message 2, cookie or reset that was not expected */
  'unexpected',
  /** a reset whose token is not that of the current connection ID */
  'reset-token',
  /** a connection ID of another worker, or of a slot out of range */
  'cid',
  /** a connection ID of ours that is not current, spare or previous */
  'dead-cid',
  /** a connection ID in use, but no keys for it */
  'no-session',
  /** a boot value with seconds not above those held */
  'boot-old',
  /** a packet number that cannot be expanded */
  'number',
  /** a packet number seen before, or below the window */
  'replay',
  /** a packet whose tag verifies under no root that is held */
  'tag',
  /** authentic, but on a session that no challenge has confirmed since the start */
  'unconfirmed',
  /** authentic bytes that break the frame rules */
  'malformed',
  /** an answer withheld because it would exceed twice what the unproven address sent */
  'unproven-budget',
  /** a RESPONSE that matches no outstanding CHALLENGE, or from another address */
  'challenge',
] as const

/** One of `DROP_REASONS`. */
export type DropReason = (typeof DROP_REASONS)[number]

const INDEX_OF = new Map<DropReason, number>(DROP_REASONS.map((reason, index) => [reason, index]))

/** One counter for each drop reason; fixed memory, nothing else. */
export class DropCounters {
  readonly #counts = new Float64Array(DROP_REASONS.length)
  /** Told of each count; null: nobody watches. */
  onCount: ((reason: DropReason) => void) | null = null

  /** Counts one dropped datagram. */
  count(reason: DropReason): void {
    const index = INDEX_OF.get(reason) as number
    this.#counts[index] = (this.#counts[index] as number) + 1
    if (this.onCount !== null) this.onCount(reason)
  }

  /** Datagrams dropped for this reason so far. */
  of(reason: DropReason): number {
    return this.#counts[INDEX_OF.get(reason) as number] as number
  }

  /** Datagrams dropped so far for any reason. */
  get total(): number {
    return this.#counts.reduce((sum, count) => sum + count, 0)
  }

  /** All counters at this moment, zeros included; the object is the caller's. */
  snapshot(): Record<DropReason, number> {
    const entries = DROP_REASONS.map((reason, index) => [reason, this.#counts[index] as number] as const)
    return Object.fromEntries(entries) as Record<DropReason, number>
  }
}
