/** SipHash-2-4 (Aumasson and Bernstein 2012), a PRF for short messages, here of one 32-bit word. */
import { assert } from '../base/assert.js'

/** Bytes of a key. */
export const SIP_KEY_BYTES = 16

/** Rounds before the message word is mixed in again, and all of them: 2 and 4 after. */
const MESSAGE_ROUNDS = 2
const ALL_ROUNDS = 6
/** High word of the one block: the length, 4 B, in its top byte. */
const LENGTH_WORD = 4 << 24

/** The hash of words under one key. 64-bit numbers are two 32-bit halves, so that nothing is allocated. */
export class SipHash {
  /** v0 to v3 as the key sets them, low half and high half of each. */
  readonly #start: Int32Array

  /** @param key 16 B, secret. */
  constructor(key: Uint8Array) {
    assert(key.length === SIP_KEY_BYTES, 'SipHash key must be 16 bytes')
    const view = new DataView(key.buffer, key.byteOffset, SIP_KEY_BYTES)
    const [k0Low, k0High, k1Low, k1High] = [0, 4, 8, 12].map((offset) => view.getInt32(offset, true)) as [
      number,
      number,
      number,
      number,
    ]
    this.#start = Int32Array.of(
      k0Low ^ 0x70736575,
      k0High ^ 0x736f6d65,
      k1Low ^ 0x6e646f6d,
      k1High ^ 0x646f7261,
      k0Low ^ 0x6e657261,
      k0High ^ 0x6c796765,
      k1Low ^ 0x79746573,
      k1High ^ 0x74656462,
    )
  }

  /**
   * The low half of the hash of 4 bytes.
   *
   * @param message the bytes, a little-endian word.
   * @returns 32 bits, signed.
   */
  low(message: number): number {
    const start = this.#start
    let [a, aHigh, b, bHigh] = [start[0] as number, start[1] as number, start[2] as number, start[3] as number]
    let [c, cHigh, d, dHigh] = [start[4] as number, start[5] as number, start[6] as number, start[7] as number]
    let last = 0
    d ^= message
    dHigh ^= LENGTH_WORD
    for (let round = 0; round < ALL_ROUNDS; round++) {
      if (round === MESSAGE_ROUNDS) {
        a ^= message
        aHigh ^= LENGTH_WORD
        c ^= 0xff
      }
      last = a
      a = (a + b) | 0
      aHigh = (aHigh + bHigh + carry(last, b, a)) | 0
      last = b
      b = ((b << 13) | (bHigh >>> 19)) ^ a
      bHigh = ((bHigh << 13) | (last >>> 19)) ^ aHigh
      last = a
      a = aHigh
      aHigh = last
      last = c
      c = (c + d) | 0
      cHigh = (cHigh + dHigh + carry(last, d, c)) | 0
      last = d
      d = ((d << 16) | (dHigh >>> 16)) ^ c
      dHigh = ((dHigh << 16) | (last >>> 16)) ^ cHigh
      last = a
      a = (a + d) | 0
      aHigh = (aHigh + dHigh + carry(last, d, a)) | 0
      last = d
      d = ((d << 21) | (dHigh >>> 11)) ^ a
      dHigh = ((dHigh << 21) | (last >>> 11)) ^ aHigh
      last = c
      c = (c + b) | 0
      cHigh = (cHigh + bHigh + carry(last, b, c)) | 0
      last = b
      b = ((b << 17) | (bHigh >>> 15)) ^ c
      bHigh = ((bHigh << 17) | (last >>> 15)) ^ cHigh
      last = c
      c = cHigh
      cHigh = last
    }
    return a ^ b ^ c ^ d
  }
}

/** Of an addition of 32 bits: the bit that went out at the top. */
function carry(one: number, other: number, sum: number): number {
  return ((one & other) | ((one | other) & ~sum)) >>> 31
}
