/**
 * Connection IDs: a keyed permutation of node and worker, slot and rotation. wire-spec §13. Opaque to a device.
 */
import { assert } from '../base/assert.js'
import { hex } from '../base/bytes.js'
import { type Crypto, KEY_BYTES, NONCE_BYTES } from '../crypto/crypto.js'
import { nobleCrypto } from '../crypto/noble.js'

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
const HALF_SPAN = 2 ** 20
const HALF_MASK = HALF_SPAN - 1

/** Bytes of key stream made at once; a whole number of ChaCha20 blocks and of words. */
const CHUNK_BYTES = 2 ** 16
const CHACHA_BLOCK_BYTES = 64

/** Tables of the keys in use, by key; 24 MB each, so few. The oldest goes first. */
const tablesByKey = new Map<string, Uint32Array>()
const TABLES_KEPT = 4

/** Makes and reads connection IDs under one ID key. */
export class CidCodec {
  /** T_0 to T_5 of wire-spec §13, one after the other, already cut to 20 bits. */
  readonly #tables: Uint32Array

  /**
   * Builds tables of 24 MB, once for each key in this process.
   *
   * @param idKey  32 B, secret; the same on all nodes.
   * @param crypto whose key stream it is; all give the same.
   */
  constructor(idKey: Uint8Array, crypto: Pick<Crypto, 'keyStream'> = nobleCrypto) {
    this.#tables = tablesOf(idKey, crypto)
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
    const tables = this.#tables
    let left = (node << 14) | (slot >>> 10)
    let right = ((slot & 0x3ff) << 10) | (rotation & (ROTATIONS - 1))
    for (let round = 0; round < ROUNDS; round++) {
      const mixed = left ^ (tables[round * HALF_SPAN + right] as number)
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
    const tables = this.#tables
    const middle = bytes[offset + 2] as number
    let left = ((bytes[offset] as number) << 12) | ((bytes[offset + 1] as number) << 4) | (middle >>> 4)
    let right = ((middle & 0xf) << 16) | ((bytes[offset + 3] as number) << 8) | (bytes[offset + 4] as number)
    for (let round = ROUNDS - 1; round >= 0; round--) {
      const unmixed = right ^ (tables[round * HALF_SPAN + left] as number)
      right = left
      left = unmixed
    }
    out.node = left >>> 14
    out.slot = ((left & 0x3fff) << 10) | (right >>> 10)
    out.rotation = right & (ROTATIONS - 1)
  }
}

function tablesOf(idKey: Uint8Array, crypto: Pick<Crypto, 'keyStream'>): Uint32Array {
  assert(idKey.length === KEY_BYTES, 'ID key must be 32 bytes')
  const name = hex(idKey)
  const known = tablesByKey.get(name)
  if (known !== undefined) return known
  const [oldest] = tablesByKey.keys()
  if (tablesByKey.size >= TABLES_KEPT && oldest !== undefined) tablesByKey.delete(oldest)
  const tables = buildTables(idKey, crypto)
  tablesByKey.set(name, tables)
  return tables
}

/** The key stream in little-endian words, cut to 20 bits. Made in chunks, so that it is never there twice. */
function buildTables(idKey: Uint8Array, crypto: Pick<Crypto, 'keyStream'>): Uint32Array {
  const tables = new Uint32Array(ROUNDS * HALF_SPAN)
  const nonce = new Uint8Array(NONCE_BYTES)
  const stream = new Uint8Array(CHUNK_BYTES)
  const words = new DataView(stream.buffer)
  const chunkWords = CHUNK_BYTES / 4
  for (let start = 0; start < tables.length; start += chunkWords) {
    crypto.keyStream(idKey, nonce, (start * 4) / CHACHA_BLOCK_BYTES, stream)
    for (let i = 0; i < chunkWords; i++) tables[start + i] = words.getUint32(i * 4, true) & HALF_MASK
  }
  return tables
}
