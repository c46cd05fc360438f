/** What a bucket says to one request. */
export interface Grant {
  ok: boolean
  /** whole tokens left */
  remaining: number
  /** seconds until what was wanted is there, 0 if it was */
  retryAfterS: number
  /** seconds until the bucket is full */
  fullInS: number
}

/** Lets `capacity` through at once and `capacity` in each window on average. Holds no timer. */
export class TokenBucket {
  readonly capacity: number
  readonly #perMs: number
  #tokens: number
  #atMs: number

  /**
   * @param capacity tokens, also the burst; above 0.
   * @param windowMs time in which an empty bucket fills.
   * @param nowMs    monotonic.
   */
  constructor(capacity: number, windowMs: number, nowMs: number) {
    this.capacity = capacity
    this.#perMs = capacity / windowMs
    this.#tokens = capacity
    this.#atMs = nowMs
  }

  /** Takes `count` tokens if there are so many; more than the bucket holds count as all that it holds. */
  take(nowMs: number, count = 1): Grant {
    const grant = this.peek(nowMs, count)
    if (!grant.ok) return grant
    this.#tokens -= Math.min(count, this.capacity)
    return { ...grant, remaining: Math.floor(this.#tokens), fullInS: this.#seconds(this.capacity - this.#tokens) }
  }

  /** What `take` would say of the tokens that are there now, without taking any. */
  peek(nowMs: number, count = 1): Grant {
    const wanted = Math.min(count, this.capacity)
    this.#tokens = Math.min(this.capacity, this.#tokens + (nowMs - this.#atMs) * this.#perMs)
    this.#atMs = nowMs
    const ok = this.#tokens >= wanted
    return {
      ok,
      remaining: Math.floor(this.#tokens),
      retryAfterS: ok ? 0 : Math.max(1, this.#seconds(wanted - this.#tokens)),
      fullInS: this.#seconds(this.capacity - this.#tokens),
    }
  }

  #seconds(tokens: number): number {
    return Math.ceil(tokens / this.#perMs / 1000)
  }
}

/** One bucket for each key, at most `keysMax`; the one unused for longest makes room. */
export class BucketTable<Key> {
  readonly #capacity: number
  readonly #windowMs: number
  readonly #keysMax: number
  readonly #buckets = new Map<Key, TokenBucket>()

  /** @param keysMax bound of memory, above 0. */
  constructor(capacity: number, windowMs: number, keysMax: number) {
    this.#capacity = capacity
    this.#windowMs = windowMs
    this.#keysMax = keysMax
  }

  /** Takes tokens from the key's bucket; a new key has a full one. */
  take(key: Key, nowMs: number, count = 1): Grant {
    const bucket = this.#buckets.get(key) ?? new TokenBucket(this.#capacity, this.#windowMs, nowMs)
    this.#buckets.delete(key) // the order of a Map is that of insertion: the oldest use stands first
    this.#buckets.set(key, bucket)
    for (const oldest of this.#buckets.keys()) {
      if (this.#buckets.size <= this.#keysMax) break
      this.#buckets.delete(oldest)
    }
    return bucket.take(nowMs, count)
  }
}
