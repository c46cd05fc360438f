/**
 * Connection IDs: a keyed permutation of node and worker, slot and rotation. wire-spec §13. Opaque to a device.
 */
import { assert } from '../base/assert.js'
import { KEY_BYTES } from '../crypto/crypto.js'
import { SIP_KEY_BYTES, SipHash } from './sip-hash.js'

/** Nodes and workers that an ID can name. */
export const NODES_MAX = 2 ** 6

/** Slots that an ID can name. */
export const SLOTS_MAX = 2 ** 24

/** Rotation counts before they start again. */
export const ROTATIONS = 2 ** 10

/** What an ID means. */
export interface CidParts {
  /** node and worker, 0..63 */
  node: number
  /** 0..2^24 - 1 */
  slot: number
  /** 0..1023 */
  rotation: number
}

const ROUNDS = 6
const HALF_BITS = 20
const HALF_MASK = 2 ** HALF_BITS - 1

/** Makes and reads connection IDs under one ID key. */
export class CidCodec {
  readonly #hash: SipHash

  /** @param idKey 32 B, secret; the same on all nodes. Its first 16 are used. */
  constructor(idKey: Uint8Array) {
    assert(idKey.length === KEY_BYTES, 'ID key must be 32 bytes')
    this.#hash = new SipHash(idKey.slice(0, SIP_KEY_BYTES))
  }

  /**
   * Writes the ID of a slot.
   *
   * @param out      gets 5 B from `offset` on.
   * @param node     node and worker, 0..63.
   * @param slot     0..2^24 - 1.
   * @param rotation taken modulo 1024.
   */
  write(out: Uint8Array, offset: number, node: number, slot: number, rotation: number): void {
    assert(node >= 0 && node < NODES_MAX && slot >= 0 && slot < SLOTS_MAX, 'connection ID out of range')
    let left = (node << 14) | (slot >>> 10)
    let right = ((slot & 0x3ff) << 10) | (rotation & (ROTATIONS - 1))
    for (let round = 0; round < ROUNDS; round++) {
      const mixed = left ^ this.#mix(round, right)
      left = right
      right = mixed
    }
    out[offset] = left >>> 12
    out[offset + 1] = left >>> 4
    out[offset + 2] = (left << 4) | (right >>> 16)
    out[offset + 3] = right >>> 8
    out[offset + 4] = right
  }

  /**
   * Reads an ID. Any 5 B are an ID of something; the caller checks node, slot and rotation.
   *
   * @param bytes  has 5 B from `offset` on.
   * @param out    overwritten.
   */
  parse(bytes: Uint8Array, offset: number, out: CidParts): void {
    const middle = bytes[offset + 2] as number
    let left = ((bytes[offset] as number) << 12) | ((bytes[offset + 1] as number) << 4) | (middle >>> 4)
    let right = ((middle & 0xf) << 16) | ((bytes[offset + 3] as number) << 8) | (bytes[offset + 4] as number)
    for (let round = ROUNDS - 1; round >= 0; round--) {
      const unmixed = right ^ this.#mix(round, left)
      right = left
      left = unmixed
    }
    out.node = left >>> 14
    out.slot = ((left & 0x3fff) << 10) | (right >>> 10)
    out.rotation = right & (ROTATIONS - 1)
  }

  /** F of a round, 20 bits of the hash. wire-spec §13 */
  #mix(round: number, half: number): number {
    return this.#hash.low((round << HALF_BITS) | half) & HALF_MASK
  }
}
