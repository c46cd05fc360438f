import type { Random } from './random.js'

/**
 * A deterministic source for tests and the simulator: xoshiro128** (Blackman and Vigna, 2018). NOT SECRET: a few
 * outputs give away all the others. Never seed keys or nonces of a real device from it.
 */
export class SeededRandom implements Random {
  readonly #seed: string
  readonly #state = new Uint32Array(4)

  /** @param seed any text; the same text gives the same numbers on every platform. */
  constructor(seed: string | number) {
    this.#seed = String(seed)
    for (let word = 0; word < 4; word++) this.#state[word] = hashText(this.#seed, word)
    if (this.#state.every((word) => word === 0)) this.#state[0] = 1
  }

  fill<T extends Uint8Array>(out: T): T {
    for (let at = 0; at < out.length; at += 4) {
      const word = this.#next()
      for (let i = 0; i < 4 && at + i < out.length; i++) out[at + i] = word >>> (8 * i)
    }
    return out
  }

  /** A double from 0 (inclusive) to 1 (exclusive), of 53 random bits. */
  uniform(): number {
    return ((this.#next() >>> 5) * 2 ** 26 + (this.#next() >>> 6)) / 2 ** 53
  }

  /** An integer from 0 to n - 1; n at most 2^53. */
  int(n: number): number {
    return Math.floor(this.uniform() * n)
  }

  /**
   * A source of its own for one part of a simulation. It depends on this one's seed and the label, not on what was
   * drawn so far: a part that draws more does not disturb the others.
   */
  fork(label: string | number): SeededRandom {
    return new SeededRandom(`${this.#seed}/${label}`)
  }

  #next(): number {
    const [a, b, c, d] = this.#state as unknown as [number, number, number, number]
    const result = Math.imul(rotated(Math.imul(b, 5), 7), 9) >>> 0
    const mixedC = c ^ a
    const mixedD = d ^ b
    this.#state[0] = a ^ mixedD
    this.#state[1] = b ^ mixedC
    this.#state[2] = mixedC ^ (b << 9)
    this.#state[3] = rotated(mixedD, 11)
    return result
  }
}

function rotated(word: number, bits: number): number {
  return (word << bits) | (word >>> (32 - bits))
}

/** FNV-1a over code units from a start that depends on `stream`, then a final mix so that near texts part. */
function hashText(text: string, stream: number): number {
  let hash = 0x811c_9dc5 ^ Math.imul(stream + 1, 0x9e37_79b9)
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x0100_0193)
  hash = Math.imul(hash ^ (hash >>> 16), 0x7feb_352d)
  hash = Math.imul(hash ^ (hash >>> 15), 0x846c_a68b)
  return (hash ^ (hash >>> 16)) >>> 0
}
