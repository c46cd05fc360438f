import { isIpv4 } from '../base/address.js'
import { readU32 } from '../base/bytes.js'
import type { Random } from '../base/random.js'
import type { Crypto } from '../crypto/crypto.js'

/** Buckets without, and as many with a cookie. Addresses that fall into one bucket share it; nothing is ever evicted. */
const BUCKETS = 8192

/** Bytes of an address that name its owner: an IPv4 address whole, of an IPv6 address the /64. */
const IPV4_OWNER_BYTES = 16
const IPV6_OWNER_BYTES = 8

const SECOND_MS = 1000

/**
 * Who may begin a handshake: a token bucket for each address, and a count of all that tells load. Fixed memory.
 * Only message 1 with a right mac1 comes here.
 */
export class Admission {
  readonly #crypto: Crypto
  /** Which bucket an address has, nobody outside can know. */
  readonly #secret: Uint8Array
  readonly #burst: number
  readonly #perMs: number
  readonly #tokens: Float64Array
  readonly #filledMs: Float64Array
  readonly #loadPerSecond: number
  #secondStartMs = Number.NEGATIVE_INFINITY
  #inSecond = 0
  #loadedUntilMs = Number.NEGATIVE_INFINITY

  /**
   * @param perAddress    bucket of one address.
   * @param loadPerSecond handshakes a second that are no load yet.
   */
  constructor(
    crypto: Crypto,
    random: Random,
    perAddress: { readonly perSecond: number; readonly burst: number },
    loadPerSecond: number,
  ) {
    this.#crypto = crypto
    this.#secret = random.fill(new Uint8Array(32))
    this.#burst = perAddress.burst
    this.#perMs = perAddress.perSecond / SECOND_MS
    this.#tokens = new Float64Array(2 * BUCKETS).fill(perAddress.burst)
    this.#filledMs = new Float64Array(2 * BUCKETS)
    this.#loadPerSecond = loadPerSecond
  }

  /**
   * Counts a message 1 and tells whether it must bring a cookie: more than the limit came in this second, or in the
   * last one. wire-spec §4.4
   *
   * @param nowMs monotonic.
   */
  isLoaded(nowMs: number): boolean {
    if (nowMs >= this.#secondStartMs + SECOND_MS) {
      this.#secondStartMs = nowMs
      this.#inSecond = 0
    }
    this.#inSecond++
    if (this.#inSecond > this.#loadPerSecond) this.#loadedUntilMs = nowMs + SECOND_MS
    return nowMs < this.#loadedUntilMs
  }

  /**
   * Takes a token of the address. Who has shown a cookie takes from a bucket of its own, so that nobody can use up the
   * tokens of an address by pretending to it.
   *
   * @param remote    18 B; the port does not count.
   * @param hasCookie whether a cookie proved the address.
   * @param nowMs     monotonic.
   * @returns false if it has none left: ask for a cookie, or drop the message ('limit') if it has one.
   */
  admits(remote: Uint8Array, hasCookie: boolean, nowMs: number): boolean {
    const owner = remote.subarray(0, isIpv4(remote) ? IPV4_OWNER_BYTES : IPV6_OWNER_BYTES)
    const place = readU32(this.#crypto.mac(this.#secret, owner, 4), 0) % BUCKETS
    const bucket = hasCookie ? place + BUCKETS : place
    const refill = Math.max(0, nowMs - (this.#filledMs[bucket] as number)) * this.#perMs
    const tokens = Math.min(this.#burst, (this.#tokens[bucket] as number) + refill)
    this.#filledMs[bucket] = nowMs
    this.#tokens[bucket] = tokens < 1 ? tokens : tokens - 1
    return tokens >= 1
  }
}
